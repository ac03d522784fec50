# The image of aks-notifier; docs/image.md says what is in it, and why.
#
#   docker build --build-arg BUILD_IMAGE=<registry>/node@sha256:<digest> --tag aks-notifier .
#
# BUILD_IMAGE: a Debian with apt and npm, such as Node's official image (its -slim variant), by digest. Nothing of it is in the result. It has
# no default: a digest that nobody has looked up is worth nothing, and a tag can be moved.
ARG BUILD_IMAGE

# On the builder's own architecture (amd64, as the packages that build need), because the bundle is the same for all.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS bundle
# The one library of Node's that a slim Debian lacks.
RUN apt-get update && apt-get install --yes --no-install-recommends libatomic1
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts scripts
COPY src src
RUN npm run build

# Also there: the packages of the other architecture are unpacked, and not run.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS root
ARG TARGETARCH
COPY image /image
RUN /image/root.sh "$TARGETARCH" /root-of-image

FROM scratch
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="aks-notifier" \
      org.opencontainers.image.description="A Kubernetes operator that tells people about planned AKS maintenance." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=root /root-of-image/ /
COPY --from=bundle /src/dist/aks-notifier.mjs /src/dist/THIRD-PARTY-LICENSES.txt /app/
ENV PATH=/usr/local/bin
# As the chart has it. A number, so that kubelet can tell that it isn't root.
USER 65532:65532
ENTRYPOINT ["node", "/app/aks-notifier.mjs"]
