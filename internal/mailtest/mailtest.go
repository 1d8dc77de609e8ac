// Package mailtest is an SMTP server for tests only. It talks as a real one does, keeps what it is given, and refuses whom
// it is told to refuse.
package mailtest

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// Letter is what the server was given: the addresses of the envelope, and the mail with its headers.
type Letter struct{ From, To, Data string }

// Office is the server. It ends with its test.
type Office struct {
	URL string // as SMTP_URL takes it

	mu      sync.Mutex
	letters []Letter
	refuse  func(to string) error
}

// Unknown is the answer of a server that does not have a mailbox, and will not have it later.
func Unknown(to string) error {
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox: " + to}
}

// Busy is the answer of a server that asks to be tried again.
func Busy(to string) error {
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later: " + to}
}

// Open starts a server that takes every letter.
func Open(t testing.TB) *Office {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &Office{URL: "smtp://" + listener.Addr().String(), refuse: func(string) error { return nil }}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &conversation{office: o}, nil }))
	server.Domain = "localhost"
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("the mail server: %v", err)
		}
	})
	t.Cleanup(func() { _ = server.Close(); wait.Wait() })
	return o
}

// Refuse makes the server ask for each recipient whether to refuse them, and with what: nil, Unknown or Busy.
func (o *Office) Refuse(refuse func(to string) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refuse = refuse
}

// Letters gives what the server has taken so far.
func (o *Office) Letters() []Letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.letters)
}

func (o *Office) judge(to string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.refuse(to)
}

// conversation is what a client says from its greeting to its goodbye.
type conversation struct {
	office *Office
	now    Letter
}

// Reset begins anew.
func (c *conversation) Reset() { c.now = Letter{} }

// Logout ends the conversation.
func (c *conversation) Logout() error { return nil }

// Mail hears who sends.
func (c *conversation) Mail(from string, _ *smtp.MailOptions) error {
	c.now.From = from
	return nil
}

// Rcpt hears for whom the letter is.
func (c *conversation) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := c.office.judge(to); err != nil {
		return err
	}
	c.now.To = to
	return nil
}

// Data takes the letter.
func (c *conversation) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c.now.Data = string(raw)
	c.office.mu.Lock()
	defer c.office.mu.Unlock()
	c.office.letters = append(c.office.letters, c.now)
	return nil
}
