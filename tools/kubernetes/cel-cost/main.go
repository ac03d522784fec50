// Command cel-cost prints what the API server estimates the CEL rules of a CustomResourceDefinition to cost, and what it allows.
// The server computes these numbers when the definition is created, and tells them only when one is too high; this program asks the
// server's own code. It reads the definition from stdin and writes JSON to stdout:
//
//	go run ./cel-cost <../../crds/aks-notifier.dev_maintenancenotifications.yaml
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

type rule struct {
	Path string `json:"path"`
	Rule string `json:"rule"`
	Cost uint64 `json:"cost"`
}

type report struct {
	Total      uint64 `json:"total"`
	TotalLimit uint64 `json:"totalLimit"`
	RuleLimit  uint64 `json:"ruleLimit"`
	Rules      []rule `json:"rules"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cel-cost:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var versioned apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &versioned); err != nil {
		return err
	}
	result := report{TotalLimit: validation.StaticEstimatedCRDCostLimit, RuleLimit: validation.StaticEstimatedCostLimit, Rules: []rule{}}
	// The limit of the total is one per schema, so a second version would need a total of its own.
	if len(versioned.Spec.Versions) != 1 {
		return fmt.Errorf("%s has %d versions, and only one can be measured", versioned.Name, len(versioned.Spec.Versions))
	}
	var schema apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		versioned.Spec.Versions[0].Schema.OpenAPIV3Schema, &schema, nil,
	); err != nil {
		return err
	}
	if err := walk(&schema, nil, validation.RootCELContext(&schema), &result); err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

// walk adds the rules of a schema and of all that it holds, as ValidateCustomResourceDefinitionOpenAPISchema counts them.
func walk(schema *apiextensions.JSONSchemaProps, path *field.Path, context *validation.CELSchemaContext, result *report) error {
	if err := measure(schema, path, context, result); err != nil {
		return err
	}
	if schema.Items != nil {
		if err := walk(schema.Items.Schema, path.Key("*"), context.ChildItemsContext(schema.Items.Schema), result); err != nil {
			return err
		}
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		values := schema.AdditionalProperties.Schema
		if err := walk(values, path.Key("*"), context.ChildAdditionalPropertiesContext(values), result); err != nil {
			return err
		}
	}
	for name := range schema.Properties {
		property := schema.Properties[name]
		if err := walk(&property, path.Child(name), context.ChildPropertyContext(&property, name), result); err != nil {
			return err
		}
	}
	return nil
}

func measure(schema *apiextensions.JSONSchemaProps, path *field.Path, context *validation.CELSchemaContext, result *report) error {
	if len(schema.XValidations) == 0 {
		return nil
	}
	types, err := context.TypeInfo()
	if err != nil {
		return err
	}
	environments := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	compiled, err := cel.Compile(types.Schema, types.DeclType, celconfig.PerCallLimit, environments, cel.NewExpressionsEnvLoader())
	if err != nil {
		return err
	}
	for i, each := range compiled {
		if each.Error != nil {
			return fmt.Errorf("%s: %s", path, each.Error.Detail)
		}
		// How often the rule may have to run for one object. Without a bound on some list above, the server takes what a request can hold.
		times := each.MaxCardinality
		if context.MaxCardinality != nil {
			times = *context.MaxCardinality
		}
		cost := each.MaxCost * times
		result.Rules = append(result.Rules, rule{Path: path.String(), Rule: schema.XValidations[i].Rule, Cost: cost})
		result.Total += cost
	}
	return nil
}
