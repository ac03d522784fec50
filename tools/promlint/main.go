// Command promlint checks a scrape as Prometheus' `promtool check metrics` does, with the same library, and is built in seconds where
// promtool takes minutes. It reads the text format from stdin and prints a line for each problem. Exit codes are promtool's: 0 is clean,
// 3 means problems, 1 that the text can't be parsed.
//
//	curl -s localhost:8080/metrics | promlint
package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func main() {
	problems, err := check(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "promlint:", err)
		os.Exit(1)
	}
	for _, problem := range problems {
		fmt.Println(problem.Metric, problem.Text)
	}
	if len(problems) > 0 {
		os.Exit(3)
	}
}

// check reads all of a scrape. No metrics at all is an error, so that an empty answer never passes for a clean one.
func check(in io.Reader) ([]promlint.Problem, error) {
	// Legacy names: letters, digits, underscores and colons, which every version of Prometheus takes.
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(in)
	if err != nil {
		return nil, err
	}
	if len(families) == 0 {
		return nil, errors.New("there are no metrics")
	}
	return promlint.NewWithMetricFamilies(slices.Collect(maps.Values(families))).Lint()
}
