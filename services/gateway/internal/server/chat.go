package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"voicehelper/gateway/internal/apierror"
	"voicehelper/gateway/internal/cancel"
)

const mostEvent = 1 << 20 // bytes of one server-sent event

var (
	errSilent   = errors.New("its source said nothing for too long")
	errTooLong  = errors.New("the answer took too long")
	errTooLarge = errors.New("an event is too large")
	errUnended  = errors.New("its source ended in the middle")
	errClient   = errors.New("the client went away")
)

// chat passes an answer on as it is made. It ends with the client, with a cancel, with the drain, or with its source; in all but the first
// case the client is told.
func (s *Server) chat(w http.ResponseWriter, r *http.Request, e *exchange) {
	question, err := io.ReadAll(e.body)
	if err != nil {
		s.algo.fail(w, r, e, err)
		return
	}
	ctx, end := context.WithCancelCause(r.Context())
	defer end(nil)
	defer context.AfterFunc(s.life, func() { end(context.Cause(s.life)) })()
	release, err := s.streams.Hold(e.who.ID, e.id, end)
	if err != nil {
		apierror.New(http.StatusConflict, "X-Request-Id", apierror.Quote(e.id), "an id of which no stream is running").Write(w)
		return
	}
	defer release()

	slow := time.AfterFunc(s.config.RequestTimeout, func() { end(errTooSlow) })
	defer slow.Stop()
	response, err := s.askStream(ctx, question, r, e)
	if err != nil {
		s.refuseChat(w, r.WithContext(ctx), e, err)
		return
	}
	defer response.Body.Close()
	slow.Stop()

	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // to a proxy in front: as it comes
	w.WriteHeader(http.StatusOK)
	gauge := s.metrics.flows.WithLabelValues(r.Pattern)
	gauge.Inc()
	defer gauge.Dec()
	whole := time.AfterFunc(s.config.StreamTimeout, func() { end(errTooLong) })
	defer whole.Stop()

	err = s.copyEvents(ctx, e, response.Body, end)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	s.metrics.ends.WithLabelValues(r.Pattern, ender(err)).Inc()
	if err == nil || errors.Is(err, errClient) || errors.Is(err, context.Canceled) {
		return
	}
	s.log.InfoContext(ctx, "A stream ended before its time", "request_id", e.id, "error", err)
	if errors.Is(err, cancel.ErrCancelled) {
		writeEvent(e, "done", map[string]any{"request_id": e.id, "finish_reason": "cancelled"})
		return
	}
	writeEvent(e, "error", apierror.Body{Error: apierror.New(0, "stream", err.Error(), "an answer to its end")})
}

// askStream asks algo-service for a stream; an answer that is none is an error.
func (s *Server) askStream(ctx context.Context, question []byte, r *http.Request, e *exchange) (*http.Response, error) {
	request, err := s.algo.request(ctx, "/query", question, r, e)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	// A connection that algo-service closed as the question came has cost nothing yet; should it have come through after all, its id says so.
	request.Header["Idempotency-Key"] = []string{}
	response, err := s.algo.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if err := s.algo.check(response, answer{kind: "text/event-stream"}); err != nil {
		response.Body.Close()
		return nil, err
	}
	return response, nil
}

// refuseChat answers where no stream has begun.
func (s *Server) refuseChat(w http.ResponseWriter, r *http.Request, e *exchange, err error) {
	switch cause := context.Cause(r.Context()); {
	case errors.Is(cause, cancel.ErrCancelled):
		s.metrics.ends.WithLabelValues(r.Pattern, ender(cause)).Inc()
		apierror.New(http.StatusConflict, "request", "cancelled before its answer began", "a request that nobody cancels").Write(w)
	case errors.Is(cause, errDraining):
		apierror.New(http.StatusServiceUnavailable, "service", "about to stop", "another try").After(time.Second).Write(w)
	default:
		s.algo.fail(w, r, e, err)
	}
}

// copyEvents passes whole events on, so that what the gateway itself has to say never stands in the middle of one.
func (s *Server) copyEvents(ctx context.Context, e *exchange, from io.Reader, end context.CancelCauseFunc) error {
	idle := time.AfterFunc(s.config.StreamIdle, func() { end(errSilent) })
	defer idle.Stop()
	lines := bufio.NewReaderSize(from, 4<<10)
	var event bytes.Buffer
	var name string
	var first, ended bool
	for {
		line, err := lines.ReadSlice('\n')
		event.Write(line)
		switch {
		case errors.Is(err, bufio.ErrBufferFull): // the rest of the line follows
		case errors.Is(err, io.EOF) && ended && event.Len() == 0:
			return nil
		case errors.Is(err, io.EOF):
			return errUnended
		case err != nil:
			return fmt.Errorf("%w: %w", errUnended, err)
		}
		if event.Len() > mostEvent {
			return errTooLarge
		}
		if err != nil {
			continue
		}
		text := bytes.TrimRight(line, "\r\n")
		if value, is := bytes.CutPrefix(text, []byte("event:")); is {
			name = string(bytes.TrimSpace(value))
		}
		if len(text) > 0 {
			continue
		}
		idle.Reset(s.config.StreamIdle)
		if name == "token" && !first {
			first = true
			s.metrics.firstToken.Observe(time.Since(e.began).Seconds())
		}
		ended = ended || name == "done" || name == "error"
		if _, err := e.Write(event.Bytes()); err != nil {
			return errClient
		}
		if lines.Buffered() == 0 { // what came together goes together
			if err := e.FlushError(); err != nil {
				return errClient
			}
		}
		event.Reset()
		name = ""
	}
}

// writeEvent says something of the gateway's own. A client that is gone by then cannot be told.
func writeEvent(e *exchange, name string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	if _, err := fmt.Fprintf(e, "event: %s\ndata: %s\n\n", name, data); err == nil {
		_ = e.FlushError()
	}
}

// ender says who or what ended a stream, as a label of metrics.
func ender(err error) string {
	switch {
	case err == nil:
		return "source"
	case errors.Is(err, cancel.ErrCancelled):
		return "cancel"
	case errors.Is(err, errDraining):
		return "drain"
	case errors.Is(err, errSilent), errors.Is(err, errTooLong):
		return "timeout"
	case errors.Is(err, errClient), errors.Is(err, context.Canceled):
		return "client"
	}
	return "failure"
}
