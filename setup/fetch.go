package setup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

const (
	// archiveMax bounds one download in bytes; Ollama's biggest archive is 2 GB.
	archiveMax = 8 << 30
	// stallMax is how long a download may stand still.
	stallMax = 30 * time.Second
)

// fetch downloads url to path and compares the SHA-256 sum (hex). What is there
// of an earlier, cut download is continued (path + ".part"). The meter's id is
// the step's. Errors: CodeDownload (the part is kept), CodeChecksum (it is not).
func fetch(ctx context.Context, client *http.Client, sink event.Sink, id, url, path, sum string) error {
	if got, err := fileSum(path); err == nil && got == sum {
		return nil
	}
	part := path + ".part"
	resumed, err := download(ctx, client, sink, id, url, part)
	if err != nil {
		return err
	}
	got, err := fileSum(part)
	if err == nil && got != sum && resumed {
		// The file may have changed since the first half was fetched.
		if err = os.Remove(part); err == nil {
			if _, err = download(ctx, client, sink, id, url, part); err != nil {
				return err
			}
			got, err = fileSum(part)
		}
	}
	if err != nil {
		return downloadError(url, err)
	}
	if got != sum {
		_ = os.Remove(part)
		return fault.New(fault.Failed, CodeChecksum, "sha256 is %s, want %s", got, sum).On("download", url)
	}
	if err := os.Rename(part, path); err != nil {
		return downloadError(url, err)
	}
	return nil
}

// download appends to part what is missing of url; resumed tells that something
// was there.
func download(ctx context.Context, client *http.Client, sink event.Sink, id, url, part string) (resumed bool, err error) {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return false, downloadError(url, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return false, downloadError(url, err)
	}
	have := info.Size()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, downloadError(url, err)
	}
	if have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, downloadError(url, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && have > 0:
		return true, nil // all of it is there; the checksum decides
	case resp.StatusCode == http.StatusOK:
		have = 0
		if err := f.Truncate(0); err != nil {
			return false, downloadError(url, err)
		}
	default:
		return false, downloadError(url, fmt.Errorf("status %s", resp.Status))
	}
	total := int64(0)
	if resp.ContentLength > 0 {
		total = have + resp.ContentLength
	}
	if total > archiveMax {
		return false, downloadError(url, fmt.Errorf("%s is too big", size(total)))
	}
	stall := time.AfterFunc(stallMax, func() { cancel(errors.New("the download stood still")) })
	defer stall.Stop()
	body := &counted{r: io.LimitReader(resp.Body, archiveMax-have), m: newMeter(sink, id, "bytes", have, total), done: have, total: total}
	if _, err := io.Copy(f, readerFunc(func(p []byte) (int, error) {
		stall.Reset(stallMax)
		return body.Read(p)
	})); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return have > 0, downloadError(url, err)
	}
	return have > 0, nil
}

type readerFunc func([]byte) (int, error)

// Read calls f.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func downloadError(url string, err error) error {
	return fault.New(fault.Failed, CodeDownload, "%w", short(err)).On("download", url)
}

// fetchText downloads a small text.
func fetchText(ctx context.Context, client *http.Client, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stallMax)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", downloadError(url, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", downloadError(url, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", downloadError(url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", downloadError(url, fmt.Errorf("status %s", resp.Status))
	}
	return string(b), nil
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// parseSums finds the sum of name in the output of sha256sum(1): "HEX  NAME" or
// "HEX *NAME", NAME perhaps with "./" before it. "" when it is not listed.
func parseSums(text, name string) string {
	for line := range strings.Lines(text) {
		sum, file, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.TrimPrefix(strings.TrimLeft(file, " *"), "./") != name {
			continue
		}
		if b, err := hex.DecodeString(sum); err == nil && len(b) == sha256.Size {
			return strings.ToLower(sum)
		}
	}
	return ""
}
