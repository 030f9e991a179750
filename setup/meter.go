package setup

import (
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/bitactor/cf/event"
)

// meterPause is the shortest time between two progress events of a meter.
const meterPause = 200 * time.Millisecond

// meter turns counts into progress events with rate and time left. Safe for
// concurrent use.
type meter struct {
	mu    sync.Mutex
	sink  event.Sink
	e     event.Progress
	begin time.Time
	base  int64 // done before this run: no part of the rate
	last  time.Time
}

func newMeter(sink event.Sink, id, unit string, base, total int64) *meter {
	return &meter{sink: sink, e: event.Progress{ID: id, Unit: unit, Done: base, Total: total}, begin: time.Now(), base: base}
}

// set reports that done units of total (0 = unknown) are done.
func (m *meter) set(done, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.e.Done, m.e.Total = done, total
	elapsed := time.Since(m.begin).Seconds()
	m.e.Rate, m.e.Left = 0, 0
	// The first moments say nothing about the rest.
	if elapsed > 0.5 && done > m.base {
		m.e.Rate = float64(done-m.base) / elapsed
		if total > done {
			m.e.Left = time.Duration(float64(total-done) / m.e.Rate * float64(time.Second))
		}
	}
	m.emit(done == total)
}

// setLeft reports done units and a time left that the caller knows better than
// the rate does; 0 = unknown.
func (m *meter) setLeft(done int64, left time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.e.Done, m.e.Left = done, left
	if elapsed := time.Since(m.begin).Seconds(); elapsed > 0.5 {
		m.e.Rate = float64(done) / elapsed
	}
	m.emit(done == m.e.Total)
}

func (m *meter) emit(always bool) {
	if now := time.Now(); always || now.Sub(m.last) >= meterPause {
		m.last = now
		m.sink.Emit(m.e)
	}
}

// counted counts what is read from r.
type counted struct {
	r     io.Reader
	m     *meter
	done  int64
	total int64
}

// Read reads from r and reports.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	c.m.set(c.done, c.total)
	return n, err
}

// watchFolder reports the bytes of all files below dir as progress until stop is
// called, for programs that download without telling. A failed look is a look
// at a file that was just renamed.
func watchFolder(dir string, m *meter, total int64) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(meterPause)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				m.set(min(folderBytes(dir), total), total)
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func folderBytes(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil
	})
	return sum
}
