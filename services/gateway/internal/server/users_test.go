package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"voicehelper/gateway/internal/config"
	"voicehelper/gateway/internal/token"
)

const mayNot = `{"error": {"field": "X-User-Id", "found": "a user who may not work any more", "wanted": "the id of a signed-in user", "message": "no"}}`

// keepers runs a gateway whose users are kept by algo, apart from all other backends.
func keepers(t *testing.T, algo, others http.HandlerFunc, tweak ...func(*config.Config)) *gateway {
	t.Helper()
	keeper := httptest.NewServer(algo)
	t.Cleanup(keeper.Close)
	at, err := url.Parse(keeper.URL)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, others, append(tweak, func(c *config.Config) { c.Algo = at })...)
}

func (g *gateway) speak() *http.Request {
	return g.request("POST", "/api/v1/voice/synthesize", `{"text": "a"}`)
}

func sound(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "audio/wav") }

// A good token of a user whom algo-service refuses opens no route: but to end what is the user's own.
func TestRemovedUsers(t *testing.T) {
	g := keepers(t, says(401, mayNot), func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked", r.URL.Path) })
	text := g.sign(operatorID, token.Operator)
	for _, r := range g.routes(http.NotFoundHandler()) {
		path := strings.ReplaceAll(r.path, "{id}", "a")
		switch {
		case r.access == anybody, r.path == "/api/v1/chat/cancel":
		case r.socket:
			_, response, err := g.dialSocket(path, &websocket.DialOptions{Subprotocols: []string{subprotocol, bearer + text}})
			if err == nil || response == nil || response.StatusCode != 401 {
				t.Errorf("%s: found %v, %v", path, response, err)
			}
		default:
			body := ""
			if len(r.takes.kinds) > 0 {
				body = `{}`
			}
			request := g.request(r.method, path, body)
			if body != "" {
				request.Header.Set("Content-Type", strings.ReplaceAll(r.takes.kinds[0], "*", "wav"))
			}
			request.Header.Set("Authorization", "Bearer "+text)
			g.refused(request, 401, "X-User-Id")
		}
	}
}

// algo-service is asked once for all who come meanwhile and for a while after that, then again, and at once where it refused.
func TestWordOfAUser(t *testing.T) {
	var asked atomic.Int32
	var removed atomic.Bool
	g := keepers(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/auth/user" || r.Header.Get("X-User-Id") != userID || r.Header.Get("Content-Type") != "" {
			t.Errorf("algo-service got %s %v", r.URL.Path, r.Header)
		}
		asked.Add(1)
		time.Sleep(100 * time.Millisecond)
		if removed.Load() {
			says(401, mayNot)(w, r)
			return
		}
		mayWork(w, r)
	}, sound, func(c *config.Config) { c.UserCache = time.Second })
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if response, body := g.do(g.speak()); response.StatusCode != 200 {
				t.Errorf("found %s %s", response.Status, body)
			}
		})
	}
	all.Wait()
	if asked.Load() != 1 {
		t.Errorf("asked %d times for 20 at once", asked.Load())
	}
	removed.Store(true)
	soon(t, "the user is refused", func() bool { response, _ := g.do(g.speak()); return response.StatusCode == 401 })
	removed.Store(false)
	if response, _ := g.do(g.speak()); response.StatusCode != 200 {
		t.Errorf("let in again: found %s", response.Status)
	}
}

// Without a word nobody is served, and the client learns whose fault it is.
func TestNoWordOfAUser(t *testing.T) {
	for name, test := range map[string]struct {
		algo   http.HandlerFunc
		status int
	}{
		"busy":           {says(503, `{"error": {"field": "postgresql", "found": "away", "wanted": "there", "message": "postgresql: away"}}`), 503},
		"slow":           {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 504},
		"cut":            {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502},
		"no such route":  {says(404, `{"error": {"field": "path", "found": "a", "wanted": "b", "message": "path: no"}}`), 502},
		"no user":        {says(200, `{}`), 502},
		"another user":   {says(200, `{"user_id": "`+operatorID+`", "role": "operator"}`), 502},
		"nothing at all": {says(204, ""), 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := keepers(t, test.algo, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked", r.URL.Path) },
				func(c *config.Config) { c.RequestTimeout = 300 * time.Millisecond })
			field := "algo-service"
			if name == "busy" {
				field = "postgresql"
			}
			g.refused(g.speak(), test.status, field)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		g := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked", r.URL.Path) }),
			func(c *config.Config) { c.Algo = &url.URL{Scheme: "http", Host: "127.0.0.1:1"} })
		if response, _ := g.refused(g.speak(), 503, "algo-service"); response.Header.Get("Retry-After") != "1" {
			t.Error("it does not say when to try again")
		}
	})
}

func TestWordsAreBounded(t *testing.T) {
	g := start(t, http.HandlerFunc(sound))
	said := make(chan struct{})
	close(said)
	g.users.mu.Lock()
	for i := range mostUsers {
		g.users.words[fmt.Sprintf("user-%d", i)] = &word{until: time.Now().Add(time.Hour), said: said}
	}
	g.users.mu.Unlock()
	if response, body := g.do(g.speak()); response.StatusCode != 200 {
		t.Errorf("found %s %s", response.Status, body)
	}
	g.users.mu.Lock()
	defer g.users.mu.Unlock()
	if len(g.users.words) != mostUsers || g.users.words[userID] == nil {
		t.Errorf("found %d words", len(g.users.words))
	}
}

// A socket ends with its user; that nobody has a word of them ends none.
func TestSocketEndsWithItsUser(t *testing.T) {
	var say atomic.Pointer[http.HandlerFunc]
	says503, says401, good := says(503, `{}`), says(401, mayNot), http.HandlerFunc(mayWork)
	say.Store(&good)
	var unanswered atomic.Int32
	g := keepers(t, func(w http.ResponseWriter, r *http.Request) {
		if now := say.Load(); now == &says503 {
			unanswered.Add(1)
		}
		(*say.Load())(w, r)
	}, echo(nil, nil), func(c *config.Config) { c.UserCache = 50 * time.Millisecond })
	connection := g.socket("/api/v1/voice/call")
	say.Store(&says503)
	soon(t, "algo-service is asked again", func() bool { return unanswered.Load() > 0 })
	said(t, connection, websocket.MessageText, "still there?")
	if _, message, err := heard(t, connection); err != nil || message != "still there?" {
		t.Errorf("without a word: %q, %v", message, err)
	}
	say.Store(&says401)
	if _, _, err := heard(t, connection); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("found %v", err)
	}
	_, page := g.do(g.request("GET", "/metrics", ""))
	if wanted := `gateway_stream_ends_total{by="refusal",route="/api/v1/voice/call"} 1`; !strings.Contains(page, wanted) {
		t.Errorf("no %s", wanted)
	}
}
