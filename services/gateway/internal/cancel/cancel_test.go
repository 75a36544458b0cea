package cancel

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"voicehelper/gateway/internal/config"
)

var silent = slog.New(slog.DiscardHandler)

// startNATS runs a real server, with the application's rights.
func startNATS(t *testing.T) (config.NATS, *natsserver.Server) {
	t.Helper()
	rights := &natsserver.SubjectPermission{Allow: []string{"voice.>", "checks.>", "_INBOX.>"}}
	server, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, NoLog: true,
		Users: []*natsserver.User{{Username: "voicehelper", Password: "p", Permissions: &natsserver.Permissions{Publish: rights, Subscribe: rights}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Shutdown)
	if !server.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return config.NATS{URL: server.ClientURL(), User: "voicehelper", Password: "p"}, server
}

func replica(t *testing.T, of config.NATS) *Streams {
	t.Helper()
	s, err := New(of, silent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for deadline := time.Now().Add(5 * time.Second); of.URL != "" && !s.nats.IsConnected(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not connected")
		}
	}
	return s
}

func TestCancel(t *testing.T) {
	of, _ := startNATS(t)
	for name, replicas := range map[string][2]*Streams{
		"same":  func() [2]*Streams { s := replica(t, config.NATS{}); return [2]*Streams{s, s} }(),
		"other": {replica(t, of), replica(t, of)},
	} {
		t.Run(name, func(t *testing.T) {
			holder, asked := replicas[0], replicas[1]
			ctx, end := context.WithCancelCause(t.Context())
			release, err := holder.Hold("user-a", "request-1", end)
			if err != nil {
				t.Fatal(err)
			}
			if holder.nats != nil {
				if err := holder.nats.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := holder.Hold("user-a", "request-1", end); !errors.Is(err, ErrRunning) {
				t.Errorf("a second one of the same id: %v", err)
			}
			for user, request := range map[string]string{"user-b": "request-1", "user-a": "request-2"} {
				if found, err := asked.Cancel(t.Context(), user, request); found || err != nil {
					t.Errorf("%s, %s: found %v, %v", user, request, found, err)
				}
			}
			if ctx.Err() != nil {
				t.Fatal("it ended by another's cancel")
			}
			if found, err := asked.Cancel(t.Context(), "user-a", "request-1"); !found || err != nil {
				t.Errorf("found %v, %v", found, err)
			}
			if !errors.Is(context.Cause(ctx), ErrCancelled) {
				t.Errorf("it ended by %v", context.Cause(ctx))
			}
			release()
			if holder.nats != nil {
				if err := holder.nats.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			if found, err := asked.Cancel(t.Context(), "user-a", "request-1"); found || err != nil {
				t.Errorf("after its end: found %v, %v", found, err)
			}
		})
	}
}

func TestNATSAway(t *testing.T) {
	of, server := startNATS(t)
	s := replica(t, of)
	server.Shutdown()
	for deadline := time.Now().Add(5 * time.Second); s.nats.IsConnected(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still connected")
		}
	}
	ctx, end := context.WithCancelCause(t.Context())
	release, err := s.Hold("user-a", "request-1", end)
	if err != nil {
		t.Fatalf("a stream needs NATS: %v", err)
	}
	defer release()
	if _, err := s.Cancel(t.Context(), "user-a", "request-2"); !errors.Is(err, ErrAway) {
		t.Errorf("found %v, wanted %v", err, ErrAway)
	}
	if found, err := s.Cancel(t.Context(), "user-a", "request-1"); !found || err != nil || ctx.Err() == nil {
		t.Errorf("its own: found %v, %v", found, err)
	}
}

func TestStartsWithoutNATS(t *testing.T) {
	s, err := New(config.NATS{URL: "nats://127.0.0.1:1", User: "voicehelper", Password: "p"}, silent)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
