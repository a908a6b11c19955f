package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
)

// channel recompresses a picture file as a messenger does, one encoder after the other.
type channel struct {
	Name   string `json:"name"`
	Opened int    `json:"opened"` // copies from which the picture was restored
	Bytes  int    `json:"bytes"`  // of the copies, mean
	stages []func(ctx context.Context, p *picture.Picture) ([]byte, error)
}

// channels returns those whose programs are installed, Go's encoder always.
func channels() (list []*channel) {
	add := func(name string, stages ...func(context.Context, *picture.Picture) ([]byte, error)) {
		list = append(list, &channel{Name: name, stages: stages})
	}
	goJPEG := func(quality int) func(context.Context, *picture.Picture) ([]byte, error) {
		return func(_ context.Context, p *picture.Picture) ([]byte, error) {
			m := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
			for i := range p.Width * p.Height {
				copy(m.Pix[4*i:], p.RGB[3*i:3*i+3])
				m.Pix[4*i+3] = 255
			}
			var b bytes.Buffer
			err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality})
			return b.Bytes(), err
		}
	}
	program := func(args ...string) func(context.Context, *picture.Picture) ([]byte, error) {
		return func(ctx context.Context, p *picture.Picture) ([]byte, error) {
			c := exec.CommandContext(ctx, args[0], args[1:]...)
			c.Stdin = io.MultiReader(strings.NewReader(fmt.Sprintf("P6\n%d %d\n255\n", p.Width, p.Height)), bytes.NewReader(p.RGB))
			out, err := c.Output()
			if err != nil {
				err = fmt.Errorf("%s: %w", args[0], err)
			}
			return out, err
		}
	}
	qualities := []int{95, 85, 75, 72, 60, 50}
	for _, q := range qualities {
		add(fmt.Sprintf("Go, JPEG %d", q), goJPEG(q))
	}
	add("Go, JPEG 85, then 75", goJPEG(85), goJPEG(75))
	if _, err := exec.LookPath("cjpeg"); err == nil {
		turbo := func(q int, args ...string) func(context.Context, *picture.Picture) ([]byte, error) {
			return program(append([]string{"cjpeg", "-quality", strconv.Itoa(q)}, args...)...)
		}
		for _, q := range qualities {
			add(fmt.Sprintf("cjpeg, JPEG %d", q), turbo(q))
		}
		add("cjpeg, JPEG 75, 4:4:4", turbo(75, "-sample", "1x1"))
		add("cjpeg, JPEG 75, progressive", turbo(75, "-progressive"))
		add("cjpeg, JPEG 75, twice", turbo(75), turbo(75))
		add("cjpeg, JPEG 85, then 60", turbo(85), turbo(60))
	}
	if _, err := exec.LookPath("convert"); err == nil {
		add("ImageMagick, JPEG 75", program("convert", "ppm:-", "-quality", "75", "jpg:-"))
	}
	if _, err := exec.LookPath("cwebp"); err == nil {
		add("cwebp, WebP 85", program("cwebp", "-quiet", "-q", "85", "-o", "-", "--", "-"))
		add("cwebp, WebP 75", program("cwebp", "-quiet", "-q", "75", "-o", "-", "--", "-"))
	}
	return list
}

// sentPicture is what is measured of a picture.
type sentPicture struct {
	Name    string  `json:"name"`
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	Bytes   int     `json:"bytes"` // of the cipher image
	PSNR    float64 `json:"psnr"`  // against the original in its size; finite for equal pictures, as metric.BoundedPSNR
	SSIM    float64 `json:"ssim"`
	Encrypt float64 `json:"encrypt_seconds"`
	Decrypt float64 `json:"decrypt_seconds"`
}

// evaluateMessenger is evaluate with -for.
func evaluateMessenger(ctx context.Context, c *cli.Command) error {
	m, err := messengerOf(c)
	if err != nil {
		return err
	}
	m.DropMetadata = true // small files are coded too
	folder := c.Args().First()
	names, err := picture.Files(folder)
	if err != nil {
		return unlisted(folder, "check the name of the folder", err)
	}
	k, err := encipher.NewKey()
	if err != nil {
		return err
	}
	limits := picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels}
	table := io.Writer(tables{})
	if c.Bool("json") {
		table = io.Discard
	}
	list := channels()
	var sent []sentPicture
	printMessengerRow(table, "picture", "pixels", "PSNR dB", "SSIM", "kB", "seconds", "seconds")
	for _, name := range names {
		file, err := picture.ReadFile(filepath.Join(folder, filepath.FromSlash(name)), limits)
		if err == nil {
			_, _, err = picture.Size(file, limits)
		}
		if picture.NoPicture(name, err) {
			continue
		}
		if err != nil {
			return fileError(name, err)
		}
		began := time.Now()
		s, err := encipher.EncryptForMessenger(ctx, file, k, m)
		if err != nil {
			return fileError(name, err)
		}
		p := sentPicture{Name: name, Width: s.Width, Height: s.Height, Bytes: len(s.File), Encrypt: time.Since(began).Seconds()}
		original, err := picture.Decode(file, limits)
		if err != nil {
			return fileError(name, err)
		}
		if original, err = original.OnWhite().Reduced(ctx, s.Picture.Height, s.Picture.Width); err != nil {
			return err
		}
		p.PSNR, p.SSIM = metric.BoundedPSNR(original.RGB, s.Picture.RGB), metric.SSIM(original.RGB, s.Picture.RGB, original.Height, original.Width)
		began = time.Now()
		if err := comesBack(ctx, s.File, k, s); err != nil {
			return fmt.Errorf("%s: without a messenger: %w", name, err)
		}
		p.Decrypt = time.Since(began).Seconds()
		for _, ch := range list {
			copied, err := ch.send(ctx, s.File, limits)
			if err != nil {
				return badInput("see whether that program works", err)
			}
			ch.Bytes += len(copied)
			switch err := comesBack(ctx, copied, k, s); {
			case err == nil:
				ch.Opened++
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, errWrongPicture):
				return fmt.Errorf("%s, %s: %w", name, ch.Name, err)
			}
		}
		sent = append(sent, p)
		p.print(table)
	}
	if len(sent) == 0 {
		return badInput(hintPictures, fmt.Errorf("%s: there are no pictures in it", folder))
	}
	mean, minimum := sentPicture{Name: "mean"}, sentPicture{Name: "minimum", PSNR: math.Inf(1), SSIM: math.Inf(1), Bytes: math.MaxInt, Encrypt: math.Inf(1), Decrypt: math.Inf(1)}
	for _, p := range sent {
		n := float64(len(sent))
		mean.PSNR, mean.SSIM, mean.Bytes = mean.PSNR+p.PSNR/n, mean.SSIM+p.SSIM/n, mean.Bytes+p.Bytes/len(sent)
		mean.Encrypt, mean.Decrypt = mean.Encrypt+p.Encrypt/n, mean.Decrypt+p.Decrypt/n
		minimum.PSNR, minimum.SSIM, minimum.Bytes = min(minimum.PSNR, p.PSNR), min(minimum.SSIM, p.SSIM), min(minimum.Bytes, p.Bytes)
		minimum.Encrypt, minimum.Decrypt = min(minimum.Encrypt, p.Encrypt), min(minimum.Decrypt, p.Decrypt)
	}
	mean.print(table)
	minimum.print(table)
	fmt.Fprintln(table)
	fmt.Fprintf(table, "%-32s %12s %10s\n", "recompressed by", "opened", "kB")
	for _, ch := range list {
		ch.Bytes /= len(sent)
		fmt.Fprintf(table, "%-32s %12s %10.0f\n", ch.Name, fmt.Sprintf("%d of %d", ch.Opened, len(sent)), float64(ch.Bytes)/1e3)
	}
	fmt.Fprintln(table, "PSNR and SSIM against the picture in its size; of every copy that opened, the picture was that of the first table; no service was tested")
	if c.Bool("json") {
		return printReport(map[string]any{"for": c.String("for"), "pictures": sent, "channels": list})
	}
	return nil
}

func printMessengerRow(w io.Writer, name string, columns ...any) {
	fmt.Fprintf(w, "%-32s %12s %10s %10s %10s %10s %10s\n", append([]any{name}, columns...)...)
}

func (p sentPicture) print(w io.Writer) {
	size := ""
	if p.Width > 0 {
		size = fmt.Sprintf("%d x %d", p.Width, p.Height)
	}
	printMessengerRow(w, p.Name, size, fmt.Sprintf("%.2f", p.PSNR), fmt.Sprintf("%.4f", p.SSIM), fmt.Sprintf("%.0f", float64(p.Bytes)/1e3), fmt.Sprintf("%.2f", p.Encrypt), fmt.Sprintf("%.2f", p.Decrypt))
}

// send returns the copy that the channel makes of a file.
func (ch *channel) send(ctx context.Context, file []byte, limits picture.Limits) ([]byte, error) {
	for _, stage := range ch.stages {
		p, err := picture.Decode(file, limits)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ch.Name, err)
		}
		if file, err = stage(ctx, p); err != nil {
			return nil, err
		}
	}
	return file, nil
}

var errWrongPicture = errors.New("another picture came back")

// comesBack returns an error unless the picture of a copy is the one that was sealed.
func comesBack(ctx context.Context, file []byte, k encipher.Key, s *encipher.MessengerImage) error {
	o, err := encipher.DecryptCopy(ctx, file, k)
	if err == nil && !bytes.Equal(o.Picture.RGB, s.Picture.RGB) {
		return errWrongPicture
	}
	return err
}
