package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/ratelimit"
	"traitortrack/internal/session"
)

func (s *Server) getAccount(w http.ResponseWriter, r *http.Request) error {
	who := actorFrom(r.Context())
	email, err := s.Accounts.Email(r.Context(), who)
	if err != nil {
		return err
	}
	factor, err := s.Accounts.TwoFactorOf(r.Context(), who)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"username": who.Username, "email": email, "role": who.Role, "area": who.Area,
		"two_factor": map[string]any{"on": factor.On, "required": factor.Required, "recovery_codes_left": factor.CodesLeft}})
}

func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Password    string `json:"password"`
		NewPassword string `json:"new_password"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	user, err := s.Accounts.ChangePassword(r.Context(), actorFrom(r.Context()), sent.Password, sent.NewPassword)
	return s.renewed(w, r, user, err)
}

func (s *Server) listSessions(w http.ResponseWriter, r *http.Request) error {
	sessions, err := s.Sessions.List(r.Context(), actorFrom(r.Context()).UserID)
	if err != nil {
		return err
	}
	items := make([]map[string]any, len(sessions))
	for i, one := range sessions {
		items[i] = sessionAnswer(one)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"items": items, "next": nil})
}

func sessionAnswer(one session.Session) map[string]any {
	return map[string]any{"id": one.ID, "device": one.Device, "address": one.Address, "began_at": one.Began.UTC(),
		"last_used_at": one.LastUsed.UTC(), "present": one.Present}
}

// endSessions ends all sessions but the one that asks, which goes on under a new token.
func (s *Server) endSessions(w http.ResponseWriter, r *http.Request) error {
	user, err := s.Accounts.EndOwnSessions(r.Context(), actorFrom(r.Context()))
	return s.renewed(w, r, user, err)
}

func (s *Server) endSession(w http.ResponseWriter, r *http.Request) error {
	if err := s.Accounts.EndSession(r.Context(), actorFrom(r.Context()), s.Sessions, pathValue(r, "id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) beginFactor(w http.ResponseWriter, r *http.Request) error {
	begun, err := s.Accounts.BeginEnrolment(r.Context(), actorFrom(r.Context()))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"secret": begun.Secret, "uri": begun.URI})
}

// sentCode is the body of what is done with a code of the second factor.
type sentCode struct {
	Code string `json:"code"`
}

func (s *Server) enrol(w http.ResponseWriter, r *http.Request) error {
	return s.withCode(w, r, s.Accounts.Enrol)
}

func (s *Server) renewCodes(w http.ResponseWriter, r *http.Request) error {
	return s.withCode(w, r, s.Accounts.RenewRecoveryCodes)
}

// withCode does what a code allows, and answers with recovery codes.
func (s *Server) withCode(w http.ResponseWriter, r *http.Request, do codeVerb) error {
	var sent sentCode
	if err := decode(r, &sent); err != nil {
		return err
	}
	codes, err := s.redeem(w, r, sent.Code, do)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"recovery_codes": codes})
}

// sentProof is the body of what takes both the password and a code.
type sentProof struct {
	Password string `json:"password"`
	Code     string `json:"code"`
}

func (s *Server) replaceFactor(w http.ResponseWriter, r *http.Request) error {
	var sent sentProof
	if err := decode(r, &sent); err != nil {
		return err
	}
	if err := s.takeCode(w, r); err != nil {
		return err
	}
	begun, user, err := s.Accounts.Replace(r.Context(), actorFrom(r.Context()), sent.Password, sent.Code)
	if err != nil {
		return err
	}
	if err := s.begin(r, user); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"secret": begun.Secret, "uri": begun.URI})
}

func (s *Server) turnFactorOff(w http.ResponseWriter, r *http.Request) error {
	var sent sentProof
	if err := decode(r, &sent); err != nil {
		return err
	}
	if err := s.takeCode(w, r); err != nil {
		return err
	}
	user, err := s.Accounts.TurnOff(r.Context(), actorFrom(r.Context()), sent.Password, sent.Code)
	return s.renewed(w, r, user, err)
}

func (s *Server) listTokens(w http.ResponseWriter, r *http.Request) error {
	tokens, err := s.Accounts.Tokens(r.Context(), actorFrom(r.Context()))
	if err != nil {
		return err
	}
	return answerTokens(w, tokens)
}

func answerTokens(w http.ResponseWriter, tokens []account.Token) error {
	items := make([]map[string]any, len(tokens))
	for i, t := range tokens {
		items[i] = tokenAnswer(t)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"items": items, "next": nil})
}

func tokenAnswer(t account.Token) map[string]any {
	var used *time.Time
	if !t.LastUsed.IsZero() {
		used = new(t.LastUsed.UTC())
	}
	return map[string]any{"id": t.ID, "name": t.Name, "prefix": t.Prefix, "scopes": t.Scopes.Names(), "created_at": t.Created.UTC(),
		"expires_at": t.Expires.UTC(), "last_used_at": used}
}

func (s *Server) createToken(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
		Days   int      `json:"days"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	scopes, err := authz.ParseScopes(sent.Scopes)
	if err != nil {
		return err
	}
	t, secret, err := s.Accounts.CreateToken(r.Context(), actorFrom(r.Context()), account.NewToken{Name: sent.Name, Scopes: scopes, Days: sent.Days})
	if err != nil {
		return err
	}
	told := tokenAnswer(t)
	told["token"] = secret
	return writeJSON(w, http.StatusCreated, told)
}

func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := s.Accounts.RevokeToken(r.Context(), actorFrom(r.Context()), tokenID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tokenID reads a token's id from the path. What is none is nobody's token.
func tokenID(r *http.Request) int64 {
	id, err := strconv.ParseInt(pathValue(r, "id"), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// renewed answers a change after which the user's sessions are over, with a new one for who asked.
func (s *Server) renewed(w http.ResponseWriter, r *http.Request, user account.User, err error) error {
	if err == nil {
		err = s.begin(r, user)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// begin begins a session of a user, in place of the one that the request came with.
func (s *Server) begin(r *http.Request, user account.User) error {
	return s.Sessions.Begin(r.Context(), loginOf(r, user))
}

// loginOf is a user who logs in by a request.
func loginOf(r *http.Request, user account.User) session.Login {
	from := caller(r.Context())
	return session.Login{UserID: user.ID, Epoch: user.Epoch, Role: user.Role, Device: from.Device, Address: from.Address}
}

// codeVerb is a verb that takes a code of the actor's second factor, and gives recovery codes and the user for a new session.
type codeVerb func(ctx context.Context, actor authz.Actor, code string) ([]string, account.User, error)

// redeem does what a code allows, begins a new session, and gives the recovery codes.
func (s *Server) redeem(w http.ResponseWriter, r *http.Request, code string, do codeVerb) ([]string, error) {
	if err := s.takeCode(w, r); err != nil {
		return nil, err
	}
	codes, user, err := do(r.Context(), actorFrom(r.Context()), code)
	if err != nil {
		return nil, err
	}
	return codes, s.begin(r, user)
}

// takeCode counts one try of a code, as a login does.
func (s *Server) takeCode(w http.ResponseWriter, r *http.Request) error {
	return s.take(w, r, ratelimit.TOTP, account.Fold(actorFrom(r.Context()).Username))
}
