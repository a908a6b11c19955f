// Command encipher-server serves the Encipher page, its wasm and the models as
// static files. It has no endpoint that takes data: pictures and keys stay in the
// browser.
//
// It parses flags, collects page, wasm and models into a site.Site, listens,
// prints the address and serves until interrupted. With -export it writes the site into a
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
	"enciphergan/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options holds the values of the flags.
type options struct {
	server.Config
	base, models, export string
	version              bool
}

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// run is main without the process around it. The address and the version go to stdout;
// the log, warnings and errors go to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (exit int) {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "encipher-server: %v; see -help\n", err)
		return exitUsage
	case o.version:
		fmt.Fprintln(stdout, version.String())
		return 0
	}
	if err := o.serve(ctx, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "encipher-server: %v\n", err)
		return exitFailed
	}
	return 0
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("encipher-server", flag.ContinueOnError)
	flags.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "`ADDRESS` to listen on; port 0 chooses a free one")
	flags.StringVar(&o.CertFile, "tls-cert", "", "`FILE` with the TLS certificate chain in PEM; with -tls-key the server speaks HTTPS, and HTTP/2")
	flags.StringVar(&o.KeyFile, "tls-key", "", "`FILE` with the private key of -tls-cert in PEM")
	flags.DurationVar(&o.HSTS, "hsts", 0, "with TLS, the `TIME`, such as 8760h, for which browsers must use TLS for this host; 0 sends no such header")
	flags.StringVar(&o.base, "base-path", "/", "URL `PATH` that everything is served under, such as /encipher/")
	flags.StringVar(&o.models, "dir", "", "`DIR` of your own models, a sub-folder or a sealed NAME.age each, offered before the shipped ones")
	flags.BoolVar(&o.Quiet, "quiet", false, "log warnings only, no requests")
	flags.StringVar(&o.export, "export", "", "write the site into `DIR`, for any static host, and exit")
	flags.BoolVar(&o.version, "version", false, "print the version and exit")
	flags.SetOutput(io.Discard) // run prints errors
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stderr, "Usage: encipher-server [flags]\n\nServes the page of Encipher. Flags:")
		flags.SetOutput(stderr)
		flags.PrintDefaults()
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case (o.CertFile == "") != (o.KeyFile == ""):
		err = errors.New("-tls-cert and -tls-key must be given together")
	case o.HSTS != 0 && o.CertFile == "":
		err = errors.New("-hsts is for TLS: give -tls-cert and -tls-key")
	case o.HSTS != 0 && o.HSTS < time.Second:
		err = errors.New("-hsts must be at least one second")
	}
	return o, err
}

func (o options) serve(ctx context.Context, stdout, stderr io.Writer) error {
	level := slog.LevelInfo
	if o.Quiet {
		level = slog.LevelWarn
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	pages, err := server.NewSite(o.models, log)
	if err != nil {
		return err
	}
	if err := pages.SetBase(o.base); err != nil {
		return err
	}
	if o.export != "" {
		return pages.WriteFolder(o.export)
	}
	return server.Serve(ctx, pages, o.Config, log, stdout)
}
