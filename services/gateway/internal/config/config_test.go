package config

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func read(t *testing.T, variables map[string]string) (Config, error) {
	t.Helper()
	return Read(func(name string) string { return variables[name] })
}

func TestDefaults(t *testing.T) {
	c, err := read(t, map[string]string{"ALGO_SERVICE_URL": "http://algo-service:8000/", "JWT_KEYS_FILE": "/keys", "LOG_LEVEL": "WARNING", "REQUEST_TIMEOUT": "1.5"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Algo.String() != "http://algo-service:8000" || c.JWTLifetime != 24*time.Hour || c.HTTPPort != 8080 || c.MaxUploadBytes != 104857600 ||
		c.LogLevel != slog.LevelWarn || c.RequestTimeout != 1500*time.Millisecond || c.TTS != nil || c.LoginRate != 10 || c.UserCache != 30*time.Second || c.LoginNameRate != 100 {
		t.Errorf("found %+v", c)
	}
}

func TestEveryWrongVariableIsNamed(t *testing.T) {
	wrong := map[string]string{
		"HTTP_PORT": "65536", "MAX_CONCURRENT_REQUESTS": "0", "MAX_UPLOAD_SIZE": "10Mi", "REQUEST_TIMEOUT": "-1", "STREAM_TIMEOUT": "NaN",
		"JWT_ALGORITHM": "none", "JWT_EXPIRE_HOURS": "a day", "USER_CACHE_SECONDS": "long", "CORS_ORIGINS": "https://a.b, voicehelper.local", "LOG_LEVEL": "loud",
		"REDIS_TLS": "perhaps", "RATE_LIMIT_LOGIN_NAME": "many", "TRUSTED_PROXIES": "10.0.0.1", "TTS_SERVICE_URL": "tts-service:8003", "ALGO_SERVICE_URL": "", "JWT_KEYS_FILE": "",
	}
	_, err := read(t, wrong)
	if err == nil {
		t.Fatal("all was taken")
	}
	for name := range wrong {
		if !strings.Contains(err.Error(), name+": found ") {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
}
