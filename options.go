package encipher

import "enciphergan/internal/key"

// Progress is called with the number of finished steps of a stage. The stages of
// Encrypt are "decode", "encrypt" and "seal", those of Decrypt "open", "decrypt" and
// "encode". Within a stage, done increases from 0 to total. Calls do not overlap; they
// come from any goroutine, and the work waits until they return.
type Progress func(stage string, done, total int)

// EncryptOption is an option of Model.Encrypt.
type EncryptOption interface{ encrypt(*encryptOptions) }

// DecryptOption is an option of Model.Decrypt.
type DecryptOption interface{ decrypt(*decryptOptions) }

// Option is an option of both Model.Encrypt and Model.Decrypt.
type Option interface {
	EncryptOption
	DecryptOption
}

// runOptions are common to Encrypt and Decrypt.
type runOptions struct {
	progress Progress
	workers  int
	compute  TileFunc // nil: the model itself
}

type encryptOptions struct {
	runOptions
	content Content
	nonce   *key.Nonce
}

type decryptOptions struct {
	runOptions
	approximate bool
	bare        bool
}

type (
	runOption     func(*runOptions)
	encryptOption func(*encryptOptions)
	decryptOption func(*decryptOptions)
)

func (f runOption) encrypt(o *encryptOptions)     { f(&o.runOptions) }
func (f runOption) decrypt(o *decryptOptions)     { f(&o.runOptions) }
func (f encryptOption) encrypt(o *encryptOptions) { f(o) }
func (f decryptOption) decrypt(o *decryptOptions) { f(o) }

// defaultRun reports no progress and computes tiles with the model itself.
func defaultRun() runOptions { return runOptions{progress: func(string, int, int) {}} }

// WithProgress reports progress to p.
func WithProgress(p Progress) Option { return runOption(func(o *runOptions) { o.progress = p }) }

// WithWorkers computes n tiles at the same time; each needs memory of its own. The
// result does not depend on n. The default, also for n < 1, is one for each processor.
// Of WithWorkers and WithTiles, the last one counts.
func WithWorkers(n int) Option {
	return runOption(func(o *runOptions) { o.workers, o.compute = n, nil })
}

// WithTiles calls compute for each tile, at most n calls at the same time, instead of
// running the model. The results must be those of Model.ComputeTile for the same
// model. Errors of type *Error are returned unchanged.
func WithTiles(n int, compute TileFunc) Option {
	return runOption(func(o *runOptions) { o.workers, o.compute = max(1, n), compute })
}

// Content selects the parts of a picture file that a cipher image holds.
type Content struct {
	kind contentKind
	name string // of the kept file
}

type contentKind int

const (
	contentPicture contentKind = iota
	contentSamples
	contentFile
	contentApproximate
	contentBareCipher
)

var (
	// ContentPicture is the default: every sample, including alpha and the low bytes
	// of 16 bits, and the metadata that a PNG can hold: EXIF data, colour profile,
	// density and texts.
	ContentPicture = Content{kind: contentPicture}

	// ContentSamples is every sample without metadata. The colour profile is metadata
	// too: the restored picture is shown as sRGB.
	ContentSamples = Content{kind: contentSamples}

	// ContentApproximate is the neural cipher alone, sealed. The picture is recovered
	// approximately, with 8 bits a sample, on white where it is transparent, and
	// without metadata.
	ContentApproximate = Content{kind: contentApproximate}

	// ContentBareCipher is the neural cipher alone, not sealed: without authenticated
	// encryption, with its statistics readable by anyone. It is for measurements and
	// protects nothing; see docs/security.md.
	ContentBareCipher = Content{kind: contentBareCipher}
)

// ContentFile is ContentPicture and the file itself, byte for byte, with the given name,
// which may be empty. Folders and characters that are unsafe in a name are removed.
func ContentFile(name string) Content { return Content{contentFile, name} }

// exact reports whether the picture can be restored exactly.
func (c Content) exact() bool { return c.kind != contentApproximate && c.kind != contentBareCipher }

// WithContent sets what the cipher image holds. The default is ContentPicture.
func WithContent(c Content) EncryptOption {
	return encryptOption(func(o *encryptOptions) { o.content = c })
}

// WithFixedNonce replaces the random nonce, so that test vectors have fixed bytes. Do
// not use it for anything else: two pictures with the same key and nonce reveal each
// other.
func WithFixedNonce(nonce [key.NonceSize]byte) EncryptOption {
	return encryptOption(func(o *encryptOptions) { n := key.Nonce(nonce); o.nonce = &n })
}

// AcceptApproximate makes Decrypt return a picture that should have been restored
// exactly and was not, with Opened.Exact false and the reason in Opened.Fault, instead
// of the error NotExact. A kept file that does not match the picture is not returned.
func AcceptApproximate() DecryptOption {
	return decryptOption(func(o *decryptOptions) { o.approximate = true })
}

// AcceptBareCipher makes Decrypt read a bare cipher image too, instead of returning the
// error NotSealed. It is not authenticated: anyone may have written or changed it.
func AcceptBareCipher() DecryptOption {
	return decryptOption(func(o *decryptOptions) { o.bare = true })
}
