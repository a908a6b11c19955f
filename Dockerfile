# An image that contains only the server and the models:
#
#     docker build -t encipher-server --build-arg VERSION=v1.0.0 .
#     docker run --rm --read-only -p 127.0.0.1:8080:8080 encipher-server
#
# and one with the command line:
#
#     docker build -t encipher --target encipher --build-arg VERSION=v1.0.0 .
#     docker run --rm --network none -v "$PWD:/pictures" -w /pictures --user "$(id -u):$(id -g)" encipher encrypt -key my.key -o sealed/ photos
#
# The first stages run on the building machine and compile for the image's platform.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download && go mod verify
COPY . .
ARG VERSION=devel
ARG TARGETOS
ARG TARGETARCH

FROM build AS build-encipher
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X enciphergan/internal/version.set=$VERSION" -o /encipher ./cmd/encipher

FROM build AS build-server
RUN go run ./wasm/bundle
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X enciphergan/internal/version.set=$VERSION" -o /encipher-server ./cmd/encipher-server

FROM scratch AS encipher
COPY --from=build-encipher /encipher /usr/local/bin/encipher
COPY models/paper-stats /usr/local/bin/models/paper-stats
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/encipher"]

FROM scratch
COPY --from=build-server /encipher-server /encipher-server
COPY models/paper-stats /models/paper-stats
USER 65532:65532
EXPOSE 8080
# There is no HEALTHCHECK, because the image contains no other program: let the orchestrator request /healthz.
# Further flags follow the image's name; if a flag is given twice, the last one applies.
ENTRYPOINT ["/encipher-server", "-addr", "0.0.0.0:8080"]
