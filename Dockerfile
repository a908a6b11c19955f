# The server alone, in an image without anything else:
#
#     docker build -t encipher-server --build-arg VERSION=v1.0.0 .
#     docker run --rm --read-only -p 127.0.0.1:8080:8080 encipher-server
#
# The first stage runs on the building machine and compiles for the image's platform.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY third_party third_party
RUN go mod download && go mod verify
COPY . .
RUN go run ./wasm/bundle
ARG VERSION=devel
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X enciphergan/internal/version.set=$VERSION" -o /encipher-server ./server

FROM scratch
COPY --from=build /encipher-server /encipher-server
USER 65532:65532
EXPOSE 8080
# There is no HEALTHCHECK, since the image holds no program that could ask: let what runs it ask /healthz.
# Further flags go behind the image's name; of a flag that is given twice, the last counts.
ENTRYPOINT ["/encipher-server", "-addr", "0.0.0.0:8080"]
