package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"voicehelper/gateway/internal/apierror"
)

const (
	mostMessage  = 1 << 20          // bytes of a WebSocket's message
	pingEvery    = 20 * time.Second // so that a connection that is dead is known, and proxies do not close one that is silent
	messageMoves = 10 * time.Second // for a peer to take a message, or to answer a ping
)

// errExpired is the cause with which a socket ends that outlives its token.
var errExpired = errors.New("the token expired")

// join passes the messages of a WebSocket between a client and a backend, each whole and bounded. It ends with either of them, with the
// token or its user, or with the drain.
func (s *Server) join(b *backend, path string) func(http.ResponseWriter, *http.Request, *exchange) {
	return func(w http.ResponseWriter, r *http.Request, e *exchange) {
		if b.at == nil {
			b.absent().Write(w)
			return
		}
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			w.Header().Set("Upgrade", "websocket")
			apierror.New(http.StatusUpgradeRequired, "Upgrade", apierror.Quote(r.Header.Get("Upgrade")), "websocket").Write(w)
			return
		}
		// The client's side of a request ends when its connection is taken over; the socket's own ends say when to stop.
		ctx, end := context.WithCancelCause(context.WithoutCancel(r.Context()))
		defer end(nil)
		defer context.AfterFunc(s.life, func() { end(context.Cause(s.life)) })()
		expiry := time.AfterFunc(time.Until(e.who.Expires), func() { end(errExpired) })
		defer expiry.Stop()

		far := s.dial(ctx, w, r, e, b, path)
		if far == nil {
			return
		}
		defer far.CloseNow()
		near, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			Subprotocols: []string{subprotocol}, InsecureSkipVerify: true, // the origin was checked by guard
		})
		if err != nil {
			e.status = http.StatusBadRequest // the library has said so to the client
			return
		}
		defer near.CloseNow()
		s.open.Add(1)
		defer s.open.Done()
		gauge := s.metrics.flows.WithLabelValues(r.Pattern)
		gauge.Inc()
		defer gauge.Dec()

		go s.watch(ctx, e, end)
		err = exchangeMessages(ctx, near, far)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		s.metrics.ends.WithLabelValues(r.Pattern, bySide(err)).Inc()
		hangUp(near, far, err)
	}
}

// dial calls the backend before the client is accepted, so that a refusal still has a status. nil: it was refused, the client told.
func (s *Server) dial(ctx context.Context, w http.ResponseWriter, r *http.Request, e *exchange, b *backend, path string) *websocket.Conn {
	dialing, done := context.WithTimeoutCause(ctx, s.config.RequestTimeout, errTooSlow)
	defer done()
	header := http.Header{}
	dress(ctx, header, r.Header, e)
	at := b.at.JoinPath(path)
	at.RawQuery = r.URL.RawQuery
	far, response, err := websocket.Dial(dialing, at.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: b.transport}, HTTPHeader: header, Subprotocols: []string{subprotocol},
	})
	if err == nil {
		return far
	}
	if response != nil && response.StatusCode >= http.StatusBadRequest {
		err = b.refusal(response)
	}
	b.fail(w, r.WithContext(dialing), e, err)
	return nil
}

// side is which of the two ended a socket, and how.
type side struct {
	client bool
	error
}

func (s side) Unwrap() error { return s.error }

// exchangeMessages passes messages both ways until one side ends.
func exchangeMessages(ctx context.Context, near, far *websocket.Conn) error {
	near.SetReadLimit(mostMessage)
	far.SetReadLimit(mostMessage)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 4)
	go func() { ended <- pump(ctx, far, near, true) }()
	go func() { ended <- pump(ctx, near, far, false) }()
	go func() { ended <- side{true, keepAlive(ctx, near)} }()
	go func() { ended <- side{false, keepAlive(ctx, far)} }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pump passes messages one way until one of the two ends it.
func pump(ctx context.Context, to, from *websocket.Conn, fromClient bool) error {
	for {
		kind, message, err := from.Read(context.Background()) // a context would cut the connection instead of closing it
		if err != nil {
			return side{fromClient, err}
		}
		moving, done := context.WithTimeout(ctx, messageMoves)
		err = to.Write(moving, kind, message)
		done()
		if err != nil {
			return side{!fromClient, err}
		}
	}
}

func keepAlive(ctx context.Context, at *websocket.Conn) error {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			answer, done := context.WithTimeout(ctx, messageMoves)
			err := at.Ping(answer)
			done()
			if err != nil {
				return err
			}
		}
	}
}

// hangUp closes both sides; each hears why the other one went.
func hangUp(near, far *websocket.Conn, err error) {
	code, reason := websocket.StatusGoingAway, ""
	var closed websocket.CloseError
	switch {
	case errors.Is(err, errDraining):
		code, reason = websocket.StatusServiceRestart, "connect again"
	case errors.Is(err, errExpired), errors.Is(err, errRemoved):
		code, reason = websocket.StatusPolicyViolation, err.Error()
	case errors.Is(err, websocket.ErrMessageTooBig):
		code, reason = websocket.StatusMessageTooBig, "a message is too large"
	case errors.As(err, &closed):
		code, reason = closed.Code, closed.Reason
		if code == websocket.StatusNoStatusRcvd {
			code = websocket.StatusNormalClosure
		}
	case bySide(err) == "source": // cut: the client should know that it was not its own doing
		code = websocket.StatusInternalError
	}
	done := make(chan struct{})
	go func() { _ = far.Close(code, reason); close(done) }()
	_ = near.Close(code, reason) // the one that closed first is closed already
	<-done
}

// bySide says who or what ended a socket, as a label of metrics.
func bySide(err error) string {
	var which side
	switch {
	case errors.As(err, &which) && which.client:
		return "client"
	case errors.As(err, &which):
		return "source"
	case errors.Is(err, errExpired):
		return "timeout"
	case errors.Is(err, errRemoved):
		return "refusal"
	}
	return ender(err)
}
