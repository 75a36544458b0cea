package token

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var (
	current  = strings.Repeat("c", 64)
	previous = strings.Repeat("p", 64)
	stranger = strings.Repeat("s", 64)
	somebody = Identity{ID: "0198c1f0-0000-7000-8000-000000000001", Name: "li", Role: User}
)

func keysOf(t testing.TB, lines ...string) *Keys {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// claimsOf are those of a good token, with some replaced; nil takes one away.
func claimsOf(other map[string]any) jwt.MapClaims {
	now := time.Now()
	found := jwt.MapClaims{"iss": issuer, "sub": somebody.ID, "name": "li", "role": "user", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, value := range other {
		found[name] = value
		if value == nil {
			delete(found, name)
		}
	}
	return found
}

func signed(t testing.TB, method jwt.SigningMethod, key any, claims jwt.Claims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSignedIsVerified(t *testing.T) {
	keys := keysOf(t, current, previous)
	text, err := keys.Sign(somebody, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	who, err := keys.Verify(text)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(who.Expires); left < 24*time.Hour-time.Minute || left > 24*time.Hour {
		t.Errorf("it lives %v", left)
	}
	who.Expires = time.Time{}
	if who != somebody {
		t.Errorf("it speaks of %v", who)
	}
	if _, err := keysOf(t, previous).Verify(text); !errors.Is(err, ErrInvalid) {
		t.Errorf("the second key has signed: %v", err)
	}
}

func TestVerify(t *testing.T) {
	keys := keysOf(t, current, previous)
	hs := jwt.SigningMethodHS256
	encode := base64.RawURLEncoding.EncodeToString
	payload, _ := json.Marshal(claimsOf(nil))
	good := signed(t, hs, []byte(current), claimsOf(nil))
	named := jwt.NewWithClaims(hs, claimsOf(nil))
	named.Header["kid"] = "00000000"
	other, _ := named.SignedString([]byte(current))
	ago := time.Now().Add(-time.Hour).Unix()
	ahead := time.Now().Add(time.Hour).Unix()
	for name, test := range map[string]struct {
		text, says string // nothing: it is good
	}{
		"good":               {good, ""},
		"of previous key":    {signed(t, hs, []byte(previous), claimsOf(nil)), ""},
		"of an operator":     {signed(t, hs, []byte(current), claimsOf(map[string]any{"role": "operator"})), ""},
		"empty":              {"", "malformed"},
		"no token":           {"a.b.c", "malformed"},
		"huge":               {strings.Repeat("a", 1<<20), "bytes"},
		"wrong key":          {signed(t, hs, []byte(stranger), claimsOf(nil)), "not signed"},
		"names another key":  {other, "not signed"},
		"without signature":  {good[:strings.LastIndex(good, ".")+1], "not signed"},
		"changed":            {good[:len(good)-4] + "AAAA", "not signed"},
		"none":               {signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claimsOf(nil)), "not signed"},
		"None":               {encode([]byte(`{"alg":"None","typ":"JWT"}`)) + "." + encode(payload) + ".", "malformed"},
		"HS512":              {signed(t, jwt.SigningMethodHS512, []byte(current), claimsOf(nil)), "not signed"},
		"expired":            {signed(t, hs, []byte(current), claimsOf(map[string]any{"exp": ago})), "expired"},
		"for ever":           {signed(t, hs, []byte(current), claimsOf(map[string]any{"exp": nil})), "malformed"},
		"not yet":            {signed(t, hs, []byte(current), claimsOf(map[string]any{"nbf": ahead})), "not valid yet"},
		"of tomorrow":        {signed(t, hs, []byte(current), claimsOf(map[string]any{"iat": ahead})), "not valid yet"},
		"of another issuer":  {signed(t, hs, []byte(current), claimsOf(map[string]any{"iss": "somebody"})), "malformed"},
		"of nobody":          {signed(t, hs, []byte(current), claimsOf(map[string]any{"sub": nil})), "of no user"},
		"of a header":        {signed(t, hs, []byte(current), claimsOf(map[string]any{"sub": "a\r\nX-User-Role: operator"})), "of no user"},
		"of an unknown role": {signed(t, hs, []byte(current), claimsOf(map[string]any{"role": "root"})), "of no user"},
		"of a numeric role":  {signed(t, hs, []byte(current), claimsOf(map[string]any{"role": 1})), "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keys.Verify(test.text)
			if test.says == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if test.says != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("found %v, wanted %q", err, test.says)
			}
		})
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	for name, text := range map[string]string{"empty": "\n", "short": "short\n"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	if _, err := Open("/nowhere"); err == nil {
		t.Error("a file that is not there was taken")
	}
}

// A rotation: the new key is added, takes over, and the old one goes; a file that is broken meanwhile changes nothing.
func TestWatchFollowsARotation(t *testing.T) {
	keys := keysOf(t, previous)
	before, err := keys.Sign(somebody, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { keys.Watch(ctx, time.Millisecond, slog.New(slog.DiscardHandler)); close(ended) }()
	write := func(text string, verifies int) {
		t.Helper()
		if err := os.WriteFile(keys.path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(keys.path+".new", keys.path); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(5 * time.Second); len(keys.ids()) != verifies; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("found keys %v, wanted %d", keys.ids(), verifies)
			}
		}
	}
	write(current+"\n"+previous+"\n", 2)
	after, err := keys.Sign(somebody, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"old": before, "new": after} {
		if _, err := keys.Verify(text); err != nil {
			t.Errorf("the %s token is refused: %v", name, err)
		}
	}
	write("broken\n", 2)
	write(current+"\n", 1)
	if _, err := keys.Verify(before); err == nil {
		t.Error("the old token still counts")
	}
	if _, err := keys.Verify(after); err != nil {
		t.Errorf("the new token is refused: %v", err)
	}
	stop()
	<-ended
}

func FuzzVerify(f *testing.F) {
	keys := keysOf(f, current)
	good, err := keys.Sign(somebody, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(signed(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claimsOf(nil)))
	f.Add(signed(f, jwt.SigningMethodHS384, []byte(current), claimsOf(nil)))
	for _, seed := range []string{"", ".", "..", "...", "eyJ.eyJ.", "eyJhbGciOiJIUzI1NiJ9.e30.", "eyJhbGciOjF9.e30.AA", "\x00.\xff.\x00",
		"eyJhbGciOiJIUzI1NiIsImtpZCI6W119.e30.AA", strings.Repeat("eyJ.", 1000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		who, err := keys.Verify(text)
		if err == nil && text != good {
			t.Errorf("%q was taken for %v", text, who)
		}
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v is no refusal", text, err)
		}
	})
}
