package kernel

import "testing"

// simulated lists the backends of other machines that can run here.
func simulated(*testing.T) []backend { return nil }
