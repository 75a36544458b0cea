// Package config reads the gateway's settings from the environment, most of which the ConfigMap `voicehelper-config` holds.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is all that the gateway can be told.
type Config struct {
	HTTPPort int
	GRPCPort int
	LogLevel slog.Level

	CORSOrigins    []string // "*": every origin
	TrustedProxies []netip.Prefix

	MaxConcurrent  int           // requests, and as many streams and sockets beside them
	MaxUploadBytes int64         // of a document or a recording
	RequestTimeout time.Duration // until an answer has begun; of ordinary answers, until they have ended
	UploadTimeout  time.Duration // of the transfer of a document or a recording, either way
	ClientStall    time.Duration // for which a client may send nothing of a body, or take nothing of an answer
	StreamIdle     time.Duration // for which a stream's source may say nothing
	StreamTimeout  time.Duration // of a whole answer that is streamed
	DrainDelay     time.Duration // after SIGTERM, in which new requests are still served
	Grace          time.Duration // for what runs to end after that

	JWTKeysFile string
	JWTLifetime time.Duration
	UserCache   time.Duration // for which algo-service's word counts that a user may still work

	UserRate    int // requests a minute; 0: no limit
	AddressRate int
	LoginRate   int // tries to sign in, of one address

	LoginNameRate int // and for one name, of all addresses

	Redis Redis
	NATS  NATS

	OTLPEndpoint string // empty: no spans are exported

	Algo   *url.URL
	Speech *url.URL // nil: this site has none; so of the others
	TTS    *url.URL
	Voice  *url.URL
	BGE    *url.URL
	FAISS  *url.URL
	LLM    *url.URL
}

// Redis is where replicas share their rate limits; an empty host means that each has its own.
type Redis struct {
	Host, User, Password string
	Port                 int
	TLS, Cluster         bool
}

// NATS is where replicas find the one that holds a stream; an empty URL means that there is but one replica.
type NATS struct {
	URL, User, Password string
}

// Read takes the settings from getenv; its error names every variable that is wrong.
func Read(getenv func(string) string) (Config, error) {
	r := reader{getenv: getenv}
	c := Config{
		HTTPPort:       r.number("HTTP_PORT", 8080, 1, 65535),
		GRPCPort:       r.number("GRPC_PORT", 8081, 1, 65535),
		LogLevel:       r.level("LOG_LEVEL"),
		CORSOrigins:    r.origins("CORS_ORIGINS"),
		TrustedProxies: r.prefixes("TRUSTED_PROXIES"),
		MaxConcurrent:  r.number("MAX_CONCURRENT_REQUESTS", 100, 1, 1_000_000),
		MaxUploadBytes: int64(r.number("MAX_UPLOAD_SIZE", 100<<20, 1, 1<<40)),
		RequestTimeout: r.seconds("REQUEST_TIMEOUT", 30),
		UploadTimeout:  r.seconds("UPLOAD_TIMEOUT", 600),
		ClientStall:    r.seconds("CLIENT_STALL_TIMEOUT", 15),
		StreamIdle:     r.seconds("STREAM_IDLE_TIMEOUT", 60),
		StreamTimeout:  r.seconds("STREAM_TIMEOUT", 600),
		DrainDelay:     r.seconds("DRAIN_SECONDS", 2),
		Grace:          r.seconds("GRACE_SECONDS", 20),
		JWTKeysFile:    r.text("JWT_KEYS_FILE", ""),
		JWTLifetime:    time.Duration(r.number("JWT_EXPIRE_HOURS", 24, 1, 24*365)) * time.Hour,
		UserCache:      r.seconds("USER_CACHE_SECONDS", 30),
		UserRate:       r.number("RATE_LIMIT_USER", 120, 0, 1_000_000),
		AddressRate:    r.number("RATE_LIMIT_ADDRESS", 600, 0, 1_000_000),
		LoginRate:      r.number("RATE_LIMIT_LOGIN", 10, 0, 1_000_000),
		LoginNameRate:  r.number("RATE_LIMIT_LOGIN_NAME", 100, 0, 1_000_000),
		Redis: Redis{
			Host: r.text("REDIS_HOST", ""), Port: r.number("REDIS_PORT", 6379, 1, 65535),
			User: r.text("REDIS_USER", "voicehelper"), Password: r.text("REDIS_PASSWORD", ""),
			TLS: r.boolean("REDIS_TLS", true), Cluster: r.boolean("REDIS_CLUSTER", true),
		},
		NATS:   NATS{URL: r.text("NATS_URL", ""), User: r.text("NATS_USER", "voicehelper"), Password: r.text("NATS_PASSWORD", "")},
		Algo:   r.address("ALGO_SERVICE_URL"),
		Speech: r.address("SPEECH_SERVICE_URL"),
		TTS:    r.address("TTS_SERVICE_URL"),
		Voice:  r.address("VOICE_SERVICE_URL"),
		BGE:    r.address("BGE_SERVICE_URL"),
		FAISS:  r.address("FAISS_SERVICE_URL"),
		LLM:    r.address("LLM_PROXY_URL"),
	}
	if r.boolean("ENABLE_TRACING", true) && r.address("OTEL_EXPORTER_OTLP_ENDPOINT") != nil {
		c.OTLPEndpoint = getenv("OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	if found := r.text("JWT_ALGORITHM", "HS256"); found != "HS256" {
		r.wrong("JWT_ALGORITHM", found, "HS256")
	}
	if c.Algo == nil {
		r.wrong("ALGO_SERVICE_URL", "nothing", "a URL such as http://algo-service:8000")
	}
	if c.JWTKeysFile == "" {
		r.wrong("JWT_KEYS_FILE", "nothing", "a file of keys, one a line, of which the first one signs")
	}
	return c, errors.Join(r.errors...)
}

type reader struct {
	getenv func(string) string
	errors []error
}

func (r *reader) wrong(name, found, wanted string) {
	r.errors = append(r.errors, fmt.Errorf("%s: found %s, wanted %s", name, found, wanted))
}

func (r *reader) text(name, otherwise string) string {
	if value := strings.TrimSpace(r.getenv(name)); value != "" {
		return value
	}
	return otherwise
}

func (r *reader) number(name string, otherwise, least, most int) int {
	text := r.text(name, strconv.Itoa(otherwise))
	value, err := strconv.Atoi(text)
	if err != nil || value < least || value > most {
		r.wrong(name, strconv.Quote(text), fmt.Sprintf("a whole number of %d to %d", least, most))
	}
	return value
}

func (r *reader) seconds(name string, otherwise float64) time.Duration {
	text := r.text(name, strconv.FormatFloat(otherwise, 'g', -1, 64))
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value >= 0 && value <= 86400) {
		r.wrong(name, strconv.Quote(text), "seconds, 0 to 86400")
		return 0
	}
	return time.Duration(value * float64(time.Second))
}

func (r *reader) boolean(name string, otherwise bool) bool {
	text := r.text(name, strconv.FormatBool(otherwise))
	value, err := strconv.ParseBool(text)
	if err != nil {
		r.wrong(name, strconv.Quote(text), "true or false")
	}
	return value
}

func (r *reader) level(name string) slog.Level {
	text := r.text(name, "info")
	if strings.EqualFold(text, "warning") {
		text = "warn"
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		r.wrong(name, strconv.Quote(text), "debug, info, warning or error")
	}
	return level
}

func (r *reader) list(name string) []string {
	return strings.FieldsFunc(r.getenv(name), func(c rune) bool { return c == ',' || c == ' ' })
}

func (r *reader) origins(name string) []string {
	origins := r.list(name)
	for i, origin := range origins {
		origin = strings.TrimSuffix(origin, "/")
		at, err := url.Parse(origin)
		if origin != "*" && (err != nil || at.Host == "" || at.Scheme+"://"+at.Host != origin) {
			r.wrong(name, strconv.Quote(origin), "origins such as https://voicehelper.local, separated by commas, or *")
		}
		origins[i] = origin
	}
	return origins
}

func (r *reader) prefixes(name string) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range r.list(name) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			r.wrong(name, strconv.Quote(text), "networks such as 10.244.0.0/16, separated by commas")
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}

func (r *reader) address(name string) *url.URL {
	text := r.text(name, "")
	if text == "" {
		return nil
	}
	at, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || (at.Scheme != "http" && at.Scheme != "https") || at.Host == "" || at.RawQuery != "" {
		r.wrong(name, strconv.Quote(text), "a URL such as http://algo-service:8000")
		return nil
	}
	return at
}
