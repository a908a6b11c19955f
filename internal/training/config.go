package training

import (
	"errors"
	"fmt"

	"enciphergan/internal/network"
)

// Losses holds the weights of the terms of the generators' loss. A term of weight 0 is left out.
type Losses struct {
	PSNR        float64 `json:"psnr"`        // -PSNR/10 of recovered against plain
	SSIM        float64 `json:"ssim"`        // 1 - SSIM of recovered against plain
	Adversarial float64 `json:"adversarial"` // softplus(-D(cipher))
	Target      float64 `json:"target"`      // 1 - SSIM of cipher against a target cipher image
}

// Config holds the settings of a run. With the photos they determine its result.
type Config struct {
	Definition network.Definition `json:"definition"`
	Seed       uint64             `json:"seed"`
	Steps      int                `json:"steps"`     // joint steps
	FineTune   int                `json:"fine_tune"` // steps of the decryption generator alone, after the joint ones
	Batch      int                `json:"batch"`
	Crop       int                `json:"crop"` // side of the square crops in pixels
	Rate       float64            `json:"rate"` // peak learning rate of the joint steps
	FineRate   float64            `json:"fine_rate"`
	Warmup     int                `json:"warmup"`
	Clip       float64            `json:"clip"` // maximum of the gradients' norm
	Losses     Losses             `json:"losses"`
	// The discriminator takes a step after every DiscriminatorEvery-th joint step.
	DiscriminatorEvery int     `json:"discriminator_every"`
	DiscriminatorRate  float64 `json:"discriminator_rate"`
	// Pool is the number of neural ciphers of earlier steps that the discriminator is shown, see cropPool; 0 for none.
	Pool int `json:"pool,omitempty"`
	// Init is the start of the generators: InitAnalytic, if the profile has an analytic start, or InitRandom.
	Init string `json:"init,omitempty"`
	// Patience is the number of validations without a better PSNR after which the run ends early; 0 for no limit.
	Patience      int    `json:"patience,omitempty"`
	ValidateEvery int    `json:"validate_every"`
	Target        string `json:"target"` // "uniform" or the folder of target cipher images
	// Backend names the arithmetic that the run began with. Another backend continues the run with other bits.
	Backend string `json:"backend"`
	// Data is the fingerprint of the photos and their split, TargetData that of the
	// target cipher images, empty for uniform.
	Data       string `json:"data"`
	TargetData string `json:"target_data,omitempty"`
}

// Values of Config.Init. The zero value means InitAnalytic.
const (
	InitAnalytic = "analytic"
	InitRandom   = "random"
)

// start returns the name of the run's start.
func (c Config) start() string {
	if c.Init == "" {
		return InitAnalytic
	}
	return c.Init
}

// maxPool is the maximum of Config.Pool.
const maxPool = 1000

// Defaults returns the settings of a profile.
func Defaults(profile string) (Config, error) {
	c := Config{Seed: 1, Batch: 4, Crop: 128, Warmup: 50, Clip: 1, DiscriminatorEvery: 2, DiscriminatorRate: 2e-4, ValidateEvery: 500, Target: "uniform", Init: InitAnalytic}
	switch profile {
	case "reversible":
		c.Definition = network.Reversible()
		c.Steps, c.FineTune, c.Rate, c.FineRate = 8000, 1000, 8e-4, 2e-5
		c.Losses = Losses{PSNR: 1, SSIM: 1, Adversarial: 0.02}
	case "paper+stats":
		// Longer training or a higher rate undoes the analytic start.
		c.Definition = network.PaperStats()
		c.Steps, c.Batch, c.Rate, c.ValidateEvery = 600, 2, 1e-6, 100
		c.Losses = Losses{PSNR: 1, SSIM: 4}
	case "paper":
		c.Definition = network.Paper()
		c.Steps, c.Crop, c.Rate = 4000, 64, 5e-4
		c.Losses = Losses{PSNR: 1, SSIM: 1, Adversarial: 0.02}
	default:
		return c, fmt.Errorf("unknown profile %q: want paper, paper+stats or reversible", profile)
	}
	return c, nil
}

// Validate returns an error for settings out of range.
func (c Config) Validate() error {
	if err := c.Definition.Validate(); err != nil {
		return err
	}
	stride := c.Definition.Tiling().Stride
	switch {
	case c.Steps < 1 || c.Steps > 1<<30 || c.FineTune < 0 || c.FineTune > 1<<30:
		return fmt.Errorf("%d joint and %d fine-tuning steps: want at least 1 and 0", c.Steps, c.FineTune)
	case c.FineTune > 0 && !c.Definition.Keyed():
		return fmt.Errorf("%d fine-tuning steps: the generators of this profile do not share weights, want 0", c.FineTune)
	case c.Batch < 1 || c.Batch > 1024:
		return fmt.Errorf("batch %d: want 1 to 1024", c.Batch)
	case c.Crop < 32 || c.Crop > 1024 || c.Crop%stride != 0:
		return fmt.Errorf("crop %d: want 32 to 1024, a multiple of %d", c.Crop, stride)
	case c.ValidateEvery < 1:
		return fmt.Errorf("validation every %d steps: want at least 1", c.ValidateEvery)
	case c.Init != "" && c.Init != InitAnalytic && c.Init != InitRandom:
		return fmt.Errorf("start %q: want %s or %s", c.Init, InitAnalytic, InitRandom)
	case c.Pool < 0 || c.Pool > maxPool:
		return fmt.Errorf("a pool of %d crops: want 0 to %d", c.Pool, maxPool)
	case c.Patience < 0:
		return fmt.Errorf("patience of %d validations: want at least 0", c.Patience)
	case c.DiscriminatorEvery < 1:
		return fmt.Errorf("a discriminator step every %d steps: want at least 1", c.DiscriminatorEvery)
	case !(c.Rate > 0 && c.Rate < 1) || c.FineTune > 0 && !(c.FineRate > 0 && c.FineRate < 1) || !(c.DiscriminatorRate > 0 && c.DiscriminatorRate < 1):
		return fmt.Errorf("learning rates %g, %g, %g: want more than 0 and less than 1", c.Rate, c.FineRate, c.DiscriminatorRate)
	case !(c.Clip > 0 && c.Clip <= 1e9):
		return fmt.Errorf("maximum gradient norm %g: want more than 0, at most 1e9", c.Clip)
	case c.Losses.PSNR == 0 && c.Losses.SSIM == 0:
		return errors.New("psnr and ssim are 0: without a reconstruction term decryption is not trained")
	}
	for _, weight := range []float64{c.Losses.PSNR, c.Losses.SSIM, c.Losses.Adversarial, c.Losses.Target} {
		if !(weight >= 0 && weight <= 1e6) {
			return fmt.Errorf("loss weight %g: want 0 to 1e6", weight)
		}
	}
	return nil
}
