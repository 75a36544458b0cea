// Package token signs and verifies the tokens by which users are known (JWT, HS256).
package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	issuer      = "voicehelper"
	shortestKey = 32   // bytes, the length of HS256's own digest
	longest     = 4096 // bytes of a token
	leeway      = 10 * time.Second
)

// ErrInvalid is wrapped by every refusal of a token.
var ErrInvalid = errors.New("invalid token")

// FormOfID is what a user's id looks like: it goes into headers and into subjects of NATS as it is.
var FormOfID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Role is what a user may do.
type Role string

// Operators may, beside what users may, look after users and the platform.
const (
	User     Role = "user"
	Operator Role = "operator"
)

// Identity is who a token speaks of.
type Identity struct {
	ID      string
	Name    string
	Role    Role
	Expires time.Time
}

// Valid says whether it can be the identity of a user.
func (i Identity) Valid() bool {
	return FormOfID.MatchString(i.ID) && (i.Role == User || i.Role == Operator)
}

type claims struct {
	jwt.RegisteredClaims
	Name string `json:"name"`
	Role Role   `json:"role"`
}

// Keys are the keys of a file, one a line: the first one signs, all of them verify, so that a rotation cuts nobody off.
type Keys struct {
	path   string
	parser *jwt.Parser
	now    atomic.Pointer[[]key]
}

type key struct {
	id    string
	bytes []byte
}

// Open reads the keys.
func Open(path string) (*Keys, error) {
	k := &Keys{path: path, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithStrictDecoding(),
	)}
	return k, k.read()
}

func (k *Keys) read() error {
	text, err := os.ReadFile(k.path)
	if err != nil {
		return err
	}
	var keys []key
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(line) < shortestKey {
			return fmt.Errorf("%s: found a key of %d bytes, wanted at least %d", k.path, len(line), shortestKey)
		}
		digest := sha256.Sum256([]byte(line))
		keys = append(keys, key{id: hex.EncodeToString(digest[:4]), bytes: []byte(line)})
	}
	if len(keys) == 0 {
		return fmt.Errorf("%s: found no key, wanted one a line", k.path)
	}
	k.now.Store(&keys)
	return nil
}

// Watch reads the file again and again, until ctx ends. What cannot be read leaves the keys as they are.
func (k *Keys) Watch(ctx context.Context, every time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			before := k.ids()
			if err := k.read(); err != nil {
				log.WarnContext(ctx, "The keys of tokens cannot be read; those from before count", "error", err)
			} else if ids := k.ids(); !slices.Equal(before, ids) {
				log.InfoContext(ctx, "Other keys of tokens", "signs", ids[0], "verify", ids)
			}
		}
	}
}

func (k *Keys) ids() []string {
	var ids []string
	for _, key := range *k.now.Load() {
		ids = append(ids, key.id)
	}
	return ids
}

// Sign makes a token of an identity.
func (k *Keys) Sign(who Identity, lifetime time.Duration) (string, error) {
	now := time.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: who.ID, ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
		},
		Name: who.Name, Role: who.Role,
	})
	signer := (*k.now.Load())[0]
	t.Header["kid"] = signer.id
	return t.SignedString(signer.bytes)
}

// Verify gives the identity that a token speaks of. Its error says shortly what is wrong, and wraps ErrInvalid.
func (k *Keys) Verify(text string) (Identity, error) {
	if len(text) > longest {
		return Identity{}, fmt.Errorf("%w: %d bytes", ErrInvalid, len(text))
	}
	var found claims
	_, err := k.parser.ParseWithClaims(text, &found, k.candidates)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Identity{}, fmt.Errorf("%w: expired", ErrInvalid)
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return Identity{}, fmt.Errorf("%w: not valid yet", ErrInvalid)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return Identity{}, fmt.Errorf("%w: not signed by a key or an algorithm that counts here", ErrInvalid)
	case err != nil:
		return Identity{}, fmt.Errorf("%w: malformed, or without a claim that is wanted", ErrInvalid)
	}
	who := Identity{ID: found.Subject, Name: found.Name, Role: found.Role, Expires: found.ExpiresAt.Time}
	if !who.Valid() {
		return Identity{}, fmt.Errorf("%w: of no user", ErrInvalid)
	}
	return who, nil
}

// candidates are the keys that a token may be signed with: the one that it names, or else all.
func (k *Keys) candidates(t *jwt.Token) (any, error) {
	named, _ := t.Header["kid"].(string)
	var set jwt.VerificationKeySet
	for _, key := range *k.now.Load() {
		if named == "" || named == key.id {
			set.Keys = append(set.Keys, key.bytes)
		}
	}
	if len(set.Keys) == 0 {
		return nil, jwt.ErrTokenSignatureInvalid
	}
	return set, nil
}
