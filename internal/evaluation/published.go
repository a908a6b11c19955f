package evaluation

// Published is a row of the comparison table of K. Panwar et al., "Encipher GAN: An
// End-to-End Color Image Encryption System Using a Deep Generative Model",
// Systems 2023, 11(1), 36, as printed there, including "inf" and "-".
type Published struct {
	System      string `json:"system"`
	PSNR        string `json:"psnr"`
	SSIM        string `json:"ssim"`
	Correlation string `json:"correlation"`
	Entropy     string `json:"entropy"`
}

var published = []Published{
	{"Encipher GAN, as published", "39.9703", "0.9972", "0.3855", "7.36"},
	{"DeepEDN (CycleGAN)", "36.514", "0.9000", "-", "7.95"},
	{"EncryptGAN (steganography, CycleGAN)", "17.5992", "-", "-", "-"},
	{"optical encryption, CNN denoiser", "24.8975", "0.8885", "-", "-"},
	{"optical encryption and hiding, deep learning", "30.0000", "0.9306", "-", "-"},
	{"deep-learned keys and chaos (Maniyath)", "inf", "1", "0.0149", "7.98"},
	{"deep-learned keys and chaos (Erkan)", "inf", "1", "0.00002", "7.99"},
}
