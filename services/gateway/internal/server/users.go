package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"voicehelper/gateway/internal/apierror"
)

const (
	userWithin = 5 * time.Second // for algo-service to say whether a user may still work
	mostUsers  = 10_000          // of whom its word is remembered
)

// errRemoved is the cause with which a socket ends that outlives its user.
var errRemoved = errors.New("the user may not work any more")

// users remembers for a while whom algo-service let work, as a token is good for a day. A refusal is not remembered: who is let in again is so at once.
type users struct {
	mu    sync.Mutex
	words map[string]*word
}

// word is what algo-service says of a user. Whoever comes while it is asked waits for the same one.
type word struct {
	until time.Time     // for which it counts
	said  chan struct{} // closed once it has been said
	err   error         // why the user may not work, or that nobody said so; nil: may work
}

func (w *word) counts() bool {
	select {
	case <-w.said:
		return w.err == nil && time.Now().Before(w.until)
	default:
		return true
	}
}

// active lets only those through who may still work, by the word of algo-service: for routes whose own backend knows no users.
func (s *Server) active(serve func(http.ResponseWriter, *http.Request, *exchange)) func(http.ResponseWriter, *http.Request, *exchange) {
	return func(w http.ResponseWriter, r *http.Request, e *exchange) {
		if err := s.mayWork(r.Context(), e); err != nil {
			if r.ContentLength != 0 {
				w.Header().Set("Connection", "close") // nobody reads the body
			}
			s.algo.fail(w, r, e, err)
			return
		}
		serve(w, r, e)
	}
}

// watch ends a socket once its user may work no more. That nobody says so ends none: whatever is new is refused meanwhile.
func (s *Server) watch(ctx context.Context, e *exchange, end context.CancelCauseFunc) {
	ticker := time.NewTicker(max(s.config.UserCache, time.Second))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			var refusal *apierror.Error
			if errors.As(s.mayWork(ctx, e), &refusal) && refusal.Status == http.StatusUnauthorized {
				end(errRemoved)
				return
			}
		}
	}
}

// mayWork says whether the user of a request may still work: nil, or why it is not served.
func (s *Server) mayWork(ctx context.Context, e *exchange) error {
	found := s.wordOf(ctx, e)
	select {
	case <-found.said:
		return found.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Server) wordOf(ctx context.Context, e *exchange) *word {
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	if found := s.users.words[e.who.ID]; found != nil && found.counts() {
		return found
	}
	asked := &word{until: time.Now().Add(s.config.UserCache), said: make(chan struct{})}
	for id := range s.users.words {
		if len(s.users.words) < mostUsers {
			break
		}
		delete(s.users.words, id) // anyone's: it is asked for again
	}
	s.users.words[e.who.ID] = asked
	go func() {
		defer close(asked.said)
		// The answer is for others, too: it does not end with whoever came first.
		ctx, done := context.WithTimeoutCause(context.WithoutCancel(ctx), min(userWithin, s.config.RequestTimeout), errTooSlow)
		defer done()
		if asked.err = s.askUser(ctx, e); asked.err != nil {
			if refusal := s.algo.why(ctx, e, asked.err); refusal != nil {
				asked.err = refusal
			}
		}
	}()
	return asked
}

// askUser asks algo-service, which keeps the users, whether one of them may work.
func (s *Server) askUser(ctx context.Context, e *exchange) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.algo.at.JoinPath("/auth/user").String(), nil)
	if err != nil {
		return err
	}
	dress(ctx, request.Header, nil, e)
	found, err := s.algo.account(request)
	var refusal *apierror.Error
	switch {
	case errors.As(err, &refusal) && refusal.Status != http.StatusUnauthorized && refusal.Status < http.StatusInternalServerError:
		return s.algo.unfit("status", strconv.Itoa(refusal.Status)) // as of one without this route: the client has no part in it
	case err == nil && found.ID != e.who.ID:
		return s.algo.unfit("kind", "another user")
	}
	return err
}
