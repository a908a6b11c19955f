// Command server serves the Encipher page, its wasm and the models as static
// files. It has no endpoint that takes data: pictures and keys stay in the
// browser.
//
// Main path: parse flags, collect page, wasm and models into a site.Site, listen,
// print the address, serve until interrupted. With -export the site is written into a
// folder instead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"enciphergan/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are what the flags say.
type options struct {
	addr, certificate, key string
	base, dir, export      string
	hsts                   time.Duration
	quiet, version         bool
}

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// run is main without the process around it. Answers go to stdout, and the log,
// warnings and errors to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (exit int) {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "server: %v; see -help\n", err)
		return exitUsage
	case o.version:
		fmt.Fprintln(stdout, version.String())
		return 0
	}
	if err := o.act(ctx, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "server: %v\n", err)
		return exitFailed
	}
	return 0
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8080", "`ADDRESS` to listen on; port 0 takes a free one")
	flags.StringVar(&o.certificate, "tls-cert", "", "`FILE` with the TLS certificate chain in PEM; with -tls-key the server speaks HTTPS, and HTTP/2")
	flags.StringVar(&o.key, "tls-key", "", "`FILE` with the private key of -tls-cert in PEM")
	flags.DurationVar(&o.hsts, "hsts", 0, "with TLS, `TIME` as 8760h for which browsers are to come with TLS only; 0 says nothing of it")
	flags.StringVar(&o.base, "base-path", "/", "URL `PATH` that everything is served under, as /encipher/")
	flags.StringVar(&o.dir, "dir", "", "`DIR` of own models, a sub-folder or a sealed NAME.age each, offered before the shipped ones")
	flags.BoolVar(&o.quiet, "quiet", false, "no access log")
	flags.StringVar(&o.export, "export", "", "write what would be served into `DIR`, for any static host, and exit")
	flags.BoolVar(&o.version, "version", false, "print the version and exit")
	flags.SetOutput(io.Discard) // errors are printed by run
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stderr, "Usage: server [flags]\n\nServes the page of Encipher. Flags:")
		flags.SetOutput(stderr)
		flags.PrintDefaults()
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case (o.certificate == "") != (o.key == ""):
		err = errors.New("-tls-cert and -tls-key belong together")
	case o.hsts != 0 && o.certificate == "":
		err = errors.New("-hsts is for TLS: give -tls-cert and -tls-key")
	case o.hsts != 0 && o.hsts < time.Second:
		err = errors.New("-hsts takes a second at least")
	}
	return o, err
}

func (o options) act(ctx context.Context, stdout, stderr io.Writer) error {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	pages, err := collect(o.dir, log)
	if err != nil {
		return err
	}
	if err := pages.SetBase(o.base); err != nil {
		return err
	}
	if o.export != "" {
		return pages.WriteFolder(o.export)
	}
	return o.serve(ctx, pages, log, stdout)
}
