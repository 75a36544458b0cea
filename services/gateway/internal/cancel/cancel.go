// Package cancel ends streams by their request id, on whichever replica they run.
//
// A replica listens for each of its streams on a subject of its own. Who is asked to cancel one that it does not hold asks there: the holder
// confirms, and where nobody listens NATS says so at once. So nothing has to be kept or to expire.
package cancel

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"voicehelper/gateway/internal/config"
)

const (
	answerWithin = 2 * time.Second
	flushWithin  = 200 * time.Millisecond
)

var (
	// ErrCancelled is the cause with which a cancelled stream's context ends.
	ErrCancelled = errors.New("cancelled")
	// ErrRunning says that the user has a stream with this id already.
	ErrRunning = errors.New("a stream with this id is running")
	// ErrAway says that the other replicas cannot be asked.
	ErrAway = errors.New("the other replicas cannot be asked")
)

// Streams are those that this replica holds.
type Streams struct {
	nats *nats.Conn // nil: there is but one replica
	log  *slog.Logger

	mu   sync.Mutex
	held map[string]context.CancelCauseFunc // by subject
}

// New makes the registry. It does not wait for NATS.
func New(of config.NATS, log *slog.Logger) (*Streams, error) {
	s := &Streams{log: log, held: map[string]context.CancelCauseFunc{}}
	if of.URL == "" {
		return s, nil
	}
	var err error
	s.nats, err = nats.Connect(of.URL, nats.Name("gateway"), nats.UserInfo(of.User, of.Password),
		nats.Timeout(2*time.Second), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(2*time.Second),
		nats.PingInterval(10*time.Second), nats.MaxPingsOutstanding(2), nats.ReconnectBufSize(-1),
		nats.ConnectHandler(func(*nats.Conn) { log.Info("Connected to NATS") }),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("Connected to NATS again") }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("NATS is away: streams of other replicas cannot be cancelled", "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("NATS says no", "error", err) }),
	)
	return s, err
}

// Close ends the connection.
func (s *Streams) Close() {
	if s.nats != nil {
		s.nats.Close()
	}
}

// Subject is where the holder of a stream listens. user and request are of a form that a subject takes as it is.
func Subject(user, request string) string { return "voice.gateway.cancel." + user + "." + request }

// Hold makes a stream known until the function that it gives is called; cancel is called with ErrCancelled if somebody cancels it.
func (s *Streams) Hold(user, request string, cancel context.CancelCauseFunc) (release func(), err error) {
	subject := Subject(user, request)
	s.mu.Lock()
	_, running := s.held[subject]
	if !running {
		s.held[subject] = cancel
	}
	s.mu.Unlock()
	if running {
		return nil, ErrRunning
	}
	var subscription *nats.Subscription
	if s.nats != nil {
		subscription, err = s.nats.Subscribe(subject, func(message *nats.Msg) {
			cancel(ErrCancelled)
			if err := message.Respond(nil); err != nil {
				s.log.Warn("A cancel could not be confirmed", "error", err)
			}
		})
		if err == nil && s.nats.IsConnected() { // who has the answer's first byte can cancel it
			err = s.nats.FlushTimeout(flushWithin)
		}
		if err != nil { // the stream is of use without
			s.log.Warn("A stream cannot be cancelled from other replicas yet", "error", err)
		}
	}
	return func() {
		s.mu.Lock()
		delete(s.held, subject)
		s.mu.Unlock()
		if subscription != nil {
			_ = subscription.Unsubscribe() // fails only on a connection that is closed
		}
	}, nil
}

// Cancel ends a stream; it gives whether there was one.
func (s *Streams) Cancel(ctx context.Context, user, request string) (bool, error) {
	subject := Subject(user, request)
	s.mu.Lock()
	cancel, here := s.held[subject]
	s.mu.Unlock()
	if here {
		cancel(ErrCancelled)
		return true, nil
	}
	if s.nats == nil {
		return false, nil
	}
	if !s.nats.IsConnected() {
		return false, ErrAway
	}
	ctx, done := context.WithTimeout(ctx, answerWithin)
	defer done()
	switch _, err := s.nats.RequestWithContext(ctx, subject, nil); {
	case errors.Is(err, nats.ErrNoResponders):
		return false, nil
	case err != nil:
		return false, errors.Join(ErrAway, err)
	}
	return true, nil
}
