// Package limit bounds how often somebody may ask, together for all replicas where they share a Redis, and for each alone while it is away.
package limit

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"voicehelper/gateway/internal/config"
)

const (
	answerWithin = 200 * time.Millisecond // what a limit may cost a request
	pause        = 5 * time.Second        // for which a Redis that failed is not asked
	mostKeys     = 100_000                // that the local limit remembers
)

//go:embed gcra.lua
var source string

var script = redis.NewScript(source)

// Rate is how often somebody may ask: so many a minute, as many at once. 0 means any number.
type Rate int

func (r Rate) interval() time.Duration { return time.Minute / time.Duration(r) }

// Limiter counts by GCRA: of each key it keeps the time at which a steady caller would be through with all that was asked so far.
type Limiter struct {
	redis     redis.Scripter // nil: there is none
	close     func() error
	log       *slog.Logger
	awayUntil atomic.Int64 // Unix nanoseconds
	local     local
}

// New makes a limiter. It does not wait for Redis.
func New(of config.Redis, log *slog.Logger) *Limiter {
	l := &Limiter{log: log, close: func() error { return nil }, local: local{through: map[string]time.Time{}}}
	if of.Host == "" {
		return l
	}
	options := &redis.UniversalOptions{
		Addrs: []string{net.JoinHostPort(of.Host, strconv.Itoa(of.Port))}, IsClusterMode: of.Cluster,
		Username: of.User, Password: of.Password, ClientName: "gateway",
		DialTimeout: time.Second, ReadTimeout: answerWithin, WriteTimeout: answerWithin, PoolTimeout: answerWithin, ContextTimeoutEnabled: true,
		MaxRetries: 1, PoolSize: 16, MaxIdleConns: 4, ConnMaxIdleTime: 5 * time.Minute, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if of.TLS {
		// Members say their addresses, of which the certificate knows nothing: all of them show the service's name.
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: of.Host}
	}
	client := redis.NewUniversalClient(options)
	l.redis, l.close = client, client.Close
	return l
}

// Close ends the connections.
func (l *Limiter) Close() error { return l.close() }

// Shared says whether the replicas count together now.
func (l *Limiter) Shared() bool {
	return l.redis != nil && time.Now().UnixNano() >= l.awayUntil.Load()
}

// Allow counts one more of key; it gives how long to wait where that is too many, else 0.
func (l *Limiter) Allow(ctx context.Context, key string, rate Rate) time.Duration {
	if rate == 0 {
		return 0
	}
	if l.Shared() {
		wait, err := l.ask(ctx, key, rate)
		if err == nil {
			return wait
		}
		if !errors.Is(ctx.Err(), context.Canceled) { // a client that is gone says nothing of Redis
			l.awayUntil.Store(time.Now().Add(pause).UnixNano())
			l.log.WarnContext(ctx, "Redis is away: limits count for this replica alone", "error", err)
		}
	}
	return l.local.allow(key, rate, time.Now())
}

func (l *Limiter) ask(ctx context.Context, key string, rate Rate) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	wait, err := script.Run(ctx, l.redis, []string{"gateway:limit:" + key}, rate.interval().Microseconds(), int(rate)).Int64()
	return time.Duration(wait) * time.Microsecond, err
}

// local is the same in this process's memory.
type local struct {
	mu      sync.Mutex
	through map[string]time.Time
}

func (l *local) allow(key string, rate Rate, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.through) >= mostKeys {
		l.forget(now)
	}
	through := l.through[key]
	if through.Before(now) {
		through = now
	}
	through = through.Add(rate.interval())
	if wait := through.Sub(now) - time.Duration(rate)*rate.interval(); wait > 0 {
		return wait
	}
	l.through[key] = through
	return 0
}

// forget drops the keys that say nothing any more, and all where that is not enough: memory is bounded whoever asks.
func (l *local) forget(now time.Time) {
	for key, through := range l.through {
		if through.Before(now) {
			delete(l.through, key)
		}
	}
	if len(l.through) >= mostKeys {
		clear(l.through)
	}
}
