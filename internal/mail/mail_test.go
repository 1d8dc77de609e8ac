package mail_test

import (
	"errors"
	"io"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"traitortrack/internal/mail"
)

// letter is what the server was given.
type letter struct{ from, to, data string }

// postOffice is an SMTP server that keeps what it is given, and refuses some recipients.
type postOffice struct {
	mu      sync.Mutex
	letters []letter
}

type conversation struct {
	office *postOffice
	now    letter
}

func (c *conversation) Reset()        { c.now = letter{} }
func (c *conversation) Logout() error { return nil }

func (c *conversation) Mail(from string, _ *smtp.MailOptions) error {
	c.now.from = from
	return nil
}

func (c *conversation) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case strings.HasPrefix(to, "nobody@"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	case strings.HasPrefix(to, "busy@"):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
	}
	c.now.to = to
	return nil
}

func (c *conversation) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	c.now.data = string(raw)
	c.office.mu.Lock()
	defer c.office.mu.Unlock()
	c.office.letters = append(c.office.letters, c.now)
	return err
}

// open starts the server and gives its address.
func (o *postOffice) open(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &conversation{office: o}, nil }))
	server.Domain = "localhost"
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("the mail server: %v", err)
		}
	})
	t.Cleanup(func() { _ = server.Close(); wait.Wait() })
	return "smtp://" + listener.Addr().String()
}

func sender(t *testing.T, address string) *mail.Sender {
	t.Helper()
	s, err := mail.NewSender(address, "TraitorTrack <warehouse@example.org>")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSend(t *testing.T) {
	t.Parallel()
	var office postOffice
	s := sender(t, office.open(t))
	err := s.Send(t.Context(), mail.Message{To: "asha@example.org", Subject: "Hello\r\nBcc: mallory@example.org", Text: "A line.\n.\nनमस्ते\n"})
	if err != nil {
		t.Fatal(err)
	}
	if len(office.letters) != 1 {
		t.Fatalf("%d letters", len(office.letters))
	}
	got := office.letters[0]
	message, err := netmail.ReadMessage(strings.NewReader(got.data))
	if err != nil {
		t.Fatal(err)
	}
	if got.from != "warehouse@example.org" || got.to != "asha@example.org" || message.Header.Get("Bcc") != "" ||
		message.Header.Get("Subject") != "Hello Bcc: mallory@example.org" || message.Header.Get("Date") == "" || message.Header.Get("Message-Id") == "" {
		t.Errorf("from %s to %s: %v", got.from, got.to, message.Header)
	}
	if !strings.Contains(got.data, "=E0=A4=A8") || !strings.Contains(got.data, "A line.") {
		t.Errorf("the text: %s", got.data)
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	var office postOffice
	address := office.open(t)
	s := sender(t, address)
	for _, tc := range []struct {
		name, to string
		hopeless bool
	}{
		{"an unknown mailbox", "nobody@example.org", true},
		{"a full mailbox", "busy@example.org", false},
		{"a second recipient", "asha@example.org, mallory@example.org", true},
		{"a header in the address", "asha@example.org\r\nBcc: mallory@example.org", true},
		{"no address", "", true},
	} {
		err := s.Send(t.Context(), mail.Message{To: tc.to, Subject: "Hello", Text: "Hello"})
		if err == nil || mail.Hopeless(err) != tc.hopeless {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if len(office.letters) != 0 {
		t.Errorf("sent: %+v", office.letters)
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	if err := sender(t, "smtp://"+gone.Addr().String()).Send(t.Context(), mail.Message{To: "asha@example.org"}); err == nil || mail.Hopeless(err) {
		t.Errorf("a server that is away: %v", err)
	}
}

// A password is never sent to a server that does not offer TLS.
func TestNoPasswordWithoutTLS(t *testing.T) {
	t.Parallel()
	var office postOffice
	address := strings.Replace(office.open(t), "smtp://", "smtp://asha:secret@", 1)
	if err := sender(t, address).Send(t.Context(), mail.Message{To: "asha@example.org"}); err == nil || len(office.letters) != 0 {
		t.Errorf("sent: %v, %+v", err, office.letters)
	}
}

func TestNewSender(t *testing.T) {
	t.Parallel()
	off, err := mail.NewSender("", "")
	if err != nil || off.On() || off.Send(t.Context(), mail.Message{}) == nil {
		t.Errorf("without an address: %v, %v", off, err)
	}
	for _, bad := range [][2]string{
		{"http://user:secret@host", "a@example.org"}, {"smtp://", "a@example.org"}, {"host:25", "a@example.org"},
		{"smtp://host:25", "nobody"}, {"smtp://user:secret@host:0x1%", "a@example.org"},
	} {
		_, err := mail.NewSender(bad[0], bad[1])
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v", bad, err)
		}
	}
	for _, good := range []string{"smtp://localhost", "smtp://user:secret@host:587", "smtps://user:secret@host"} {
		if s, err := mail.NewSender(good, "a@example.org"); err != nil || !s.On() {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"asha@example.org": true, "a.b+c@mail.example.org": true,
		"": false, "asha": false, "Asha <asha@example.org>": false, "a@example.org,b@example.org": false,
		"a@example.org\r\nBcc: b@example.org": false, `"a b"@example.org`: false, "a@example.org ": false,
		strings.Repeat("a", 250) + "@example.org": false,
	} {
		if mail.Plain(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
	}
}
