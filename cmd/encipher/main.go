// Command encipher encrypts colour pictures with a generative network inside
// standard authenticated encryption, and trains and examines such networks.
//
// A command checks its flags, reads its inputs, calls the library and writes its
// output in one step at the end. If it fails, it leaves no output behind.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"
)

func main() { os.Exit(run(os.Args)) }

// commands lists the commands.
var commands = []func() *cli.Command{
	keyCommand,
	encryptCommand,
	decryptCommand,
	infoCommand,
	modelCommand,
	trainCommand,
	evaluateCommand,
	attackCommand,
	benchCommand,
	versionCommand,
	manCommand,
}

// run is main without the exit.
func run(args []string) (exit int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once

	err := root().Run(ctx, args)
	// Incomplete output takes precedence over any error but an interrupt: its reader would not know.
	if lost := stdout.failed(); lost != nil && exitCode(err) != exitInterrupted {
		err = lost
	}
	report(os.Stderr, err)
	return exitCode(err)
}

func root() *cli.Command {
	r := &cli.Command{
		Name:  "encipher",
		Usage: "encrypt pictures with a generative network inside authenticated encryption",
		Description: `A first picture:
   encipher key new -o my.key
   encipher encrypt -key my.key -o cipher.png photo.jpg
   encipher decrypt -key my.key -o photo.png cipher.png

Flags may be written with one dash or two.

Exit codes: ` + exitCodes,
		Writer:                stdout,
		HideHelpCommand:       true,
		EnableShellCompletion: true,
		// The library hides its completion command from the list.
		ConfigureShellCompletionCommand: func(c *cli.Command) {
			c.Hidden = false
			c.Usage = "print a script for bash, zsh, fish or pwsh that completes commands and flags"
			dress(c, "encipher "+c.Name)
			bash := c.Command("bash")
			script := bash.Action
			bash.Action = func(ctx context.Context, c *cli.Command) error {
				if err := script(ctx, c); err != nil {
					return err
				}
				_, err := io.WriteString(stdout, bashOverrides)
				return err
			}
		},
	}
	for _, command := range commands {
		r.Commands = append(r.Commands, command())
	}
	r.Commands = append(r.Commands, helpCommand())
	dress(r, r.Name)
	return r
}

// helpCommand returns the command help, which prints the same as -help.
func helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "print the help of the program or of a command",
		ArgsUsage: "[COMMAND...]",
		UsageText: "encipher help [COMMAND...]",
		Action: func(_ context.Context, c *cli.Command) error {
			r := root()
			known := r
			for _, name := range c.Args().Slice() {
				if known = known.Command(name); known == nil {
					return usage("run encipher -help for the list", "there is no command %q", strings.Join(c.Args().Slice(), " "))
				}
			}
			// With the context of this call, the library would take it for a subcommand of help.
			return r.Run(context.Background(), slices.Concat([]string{r.Name}, c.Args().Slice(), []string{"-help"}))
		},
	}
}

// bashOverrides replaces two functions of the library's script. One needs the package
// bash-completion, only to set variables that are not used. The other makes the shell
// evaluate the line typed so far, including every $(command) in it.
const bashOverrides = `
__encipher_init_completion() {
  COMPREPLY=()
}

__encipher_build_completion_request() {
  local plain='^[[:alnum:]_./~"${}+-]+$'
  if [[ "${COMP_WORDS[0]}" =~ $plain ]]; then
    printf '%s' "${COMP_WORDS[0]}"
  else
    printf 'encipher'
  fi
  if (( COMP_CWORD > 1 )); then
    printf ' %q' "${COMP_WORDS[@]:1:COMP_CWORD-1}"
  fi
  if [[ "${COMP_WORDS[COMP_CWORD]}" == -* ]]; then
    printf ' %q' "${COMP_WORDS[COMP_CWORD]}"
  fi
  printf ' --generate-shell-completion'
}
`

// dress sets what all commands share on a command and its subcommands. Without the
// handlers, the flag library would print errors and exit by itself.
func dress(c *cli.Command, path string) {
	c.HideHelpCommand = true
	c.ExitErrHandler = func(context.Context, *cli.Command, error) {}
	c.OnUsageError = func(_ context.Context, _ *cli.Command, err error, _ bool) error {
		what, _, _ := strings.Cut(err.Error(), ": strconv.") // the name of the function that failed does not help users
		return usage(fmt.Sprintf("run %s -help for its flags", path), "%s", what)
	}
	if len(c.Commands) > 0 && c.Action == nil {
		c.Action = func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usage(fmt.Sprintf("run %s -help for the list", path), "there is no command %q", c.Args().First())
			}
			if c.Root() == c {
				return cli.ShowRootCommandHelp(c)
			}
			return cli.ShowSubcommandHelp(c)
		}
	}
	for _, sub := range c.Commands {
		dress(sub, path+" "+sub.Name)
	}
}
