package mail_test

import (
	"net"
	netmail "net/mail"
	"strings"
	"testing"

	"traitortrack/internal/mail"
	"traitortrack/internal/mailtest"
)

// office is a mail server that has no mailbox for nobody, and is too busy for busy.
func office(t *testing.T) *mailtest.Office {
	t.Helper()
	o := mailtest.Open(t)
	o.Refuse(func(to string) error {
		switch {
		case strings.HasPrefix(to, "nobody@"):
			return mailtest.Unknown(to)
		case strings.HasPrefix(to, "busy@"):
			return mailtest.Busy(to)
		}
		return nil
	})
	return o
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
	o := office(t)
	s := sender(t, o.URL)
	err := s.Send(t.Context(), mail.Message{To: "asha@example.org", Subject: "Hello\r\nBcc: mallory@example.org", Text: "A line.\n.\nनमस्ते\n"})
	if err != nil {
		t.Fatal(err)
	}
	letters := o.Letters()
	if len(letters) != 1 {
		t.Fatalf("%d letters", len(letters))
	}
	got := letters[0]
	message, err := netmail.ReadMessage(strings.NewReader(got.Data))
	if err != nil {
		t.Fatal(err)
	}
	if got.From != "warehouse@example.org" || got.To != "asha@example.org" || message.Header.Get("Bcc") != "" ||
		message.Header.Get("Subject") != "Hello Bcc: mallory@example.org" || message.Header.Get("Date") == "" || message.Header.Get("Message-Id") == "" {
		t.Errorf("from %s to %s: %v", got.From, got.To, message.Header)
	}
	if !strings.Contains(got.Data, "=E0=A4=A8") || !strings.Contains(got.Data, "A line.") {
		t.Errorf("the text: %s", got.Data)
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	o := office(t)
	s := sender(t, o.URL)
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
		if err == nil || mail.Hopeless(err) != tc.hopeless || strings.Contains(err.Error(), "example.org") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if letters := o.Letters(); len(letters) != 0 {
		t.Errorf("sent: %+v", letters)
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
	o := office(t)
	address := strings.Replace(o.URL, "smtp://", "smtp://asha:secret@", 1)
	if err := sender(t, address).Send(t.Context(), mail.Message{To: "asha@example.org"}); err == nil || len(o.Letters()) != 0 {
		t.Errorf("sent: %v, %+v", err, o.Letters())
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
