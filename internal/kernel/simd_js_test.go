package kernel

import "testing"

// simulated lists the backends of other machines that can be tried here.
func simulated(*testing.T) []backend { return nil }
