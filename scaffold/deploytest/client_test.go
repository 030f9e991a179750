package deploytest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// actors is how many keys the client's requests are spread over.
const actors = 300

// answer is what became of one request; err is nil where it was answered with 200
// within its deadline. Nothing is sent a second time by the client.
type answer struct {
	i     int
	key   string
	to    string
	reply int // the actor's count of its signals, this one included
	took  time.Duration
	err   error
}

// load is a client that sends requests at a fixed rate, whether others are answered
// or not, to whatever its upstream is at the time, by turns.
type load struct {
	upstreams atomic.Pointer[[]string]
	turn      atomic.Int64
	stop      chan struct{}
	done      chan []answer
}

// load starts the client.
func (s *system) load(upstream []string) *load {
	l := &load{stop: make(chan struct{}), done: make(chan []answer, 1)}
	l.upstream(upstream)
	go func() { l.done <- l.run(s.t.Context()) }()
	return l
}

// upstream switches all requests that begin from now on to others, as the selector
// of a Kubernetes Service does.
func (l *load) upstream(urls []string) { l.upstreams.Store(&urls) }

func (l *load) next() string {
	urls := *l.upstreams.Load()
	return urls[int(l.turn.Add(1))%len(urls)]
}

// end stops sending, waits for all answers and returns them.
func (l *load) end() []answer {
	close(l.stop)
	return <-l.done
}

func (l *load) run(ctx context.Context) []answer {
	client := newClient()
	defer client.CloseIdleConnections()
	var (
		mu      sync.Mutex
		answers []answer
		wg      sync.WaitGroup
	)
	ticks := time.NewTicker(time.Second / requestsPerSecond)
	defer ticks.Stop()
	for i := 0; ; i++ {
		select {
		case <-l.stop:
			wg.Wait()
			return answers
		case <-ticks.C:
		}
		wg.Go(func() {
			a := post(ctx, client, l.next(), i, fmt.Sprintf("actor-%d", i%actors))
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, a)
		})
	}
}

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
}

// post sends request i for the actor of a key.
func post(ctx context.Context, client *http.Client, to string, i int, key string) answer {
	a := answer{i: i, key: key, to: to}
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, requestDeadline)
	defer cancel()
	a.reply, a.err = exchange(ctx, client, to, i, key)
	a.took = time.Since(started)
	return a
}

func exchange(ctx context.Context, client *http.Client, to string, i int, key string) (int, error) {
	body, err := json.Marshal(map[string]any{"key": key, "kind": 64, "payload": fmt.Sprint(i)})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to+"/requests", strings.NewReader(string(body)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", fmt.Sprintf("%s-%d", key, i))
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	var fields struct{ Reply int }
	if resp.StatusCode != http.StatusOK || json.Unmarshal(text, &fields) != nil || fields.Reply < 1 {
		return 0, fmt.Errorf("%s: %s", resp.Status, text)
	}
	return fields.Reply, nil
}

func failed(answers []answer) []answer {
	return slices.DeleteFunc(slices.Clone(answers), func(a answer) bool { return a.err == nil })
}

// durations of all answers, sorted.
func durations(answers []answer) []time.Duration {
	list := make([]time.Duration, len(answers))
	for i, a := range answers {
		list[i] = a.took
	}
	slices.Sort(list)
	return list
}

func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[int(float64(len(sorted)-1)*share)]
}
