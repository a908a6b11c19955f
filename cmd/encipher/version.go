package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/urfave/cli/v3"

	"enciphergan/internal/kernel"
	"enciphergan/internal/version"
)

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print the version of the program",
		UsageText:   "encipher version [-json]",
		Description: "The version of a program that is not a release is the commit that it was built from.",
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print a JSON object on standard output"}},
		Action:      printVersion,
	}
}

func printVersion(_ context.Context, c *cli.Command) error {
	if c.Args().Present() {
		return usage("usage: encipher version [-json]", "version takes no argument")
	}
	b := struct {
		Version  string `json:"version"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
		Kernels  string `json:"kernels"` // used on this machine
	}{version.String(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, kernel.Name()}
	if c.Bool("json") {
		printJSON(b)
		return nil
	}
	fmt.Fprintf(stdout, "encipher %s\nbuilt with %s for %s, computes with %s\n", b.Version, b.Go, b.Platform, b.Kernels)
	return nil
}
