// Package mail sends mail over SMTP. Where no server is configured nothing is sent, and nobody is told otherwise.
package mail

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Message is a mail to one person, in plain text. Whoever sends the same one again, not knowing whether it arrived, gives
// it the same ID both times, so that mail programs show it once; without one, each try is a mail of its own.
type Message struct{ To, Subject, Text, ID string }

// Sender sends mail through one server.
type Sender struct {
	host    string
	from    string
	domain  string // of the sender's address
	options []gomail.Option
}

// timeout bounds a conversation with the server.
const timeout = 20 * time.Second

// NewSender reads an SMTP_URL: smtp://user:password@host:port, which asks for TLS and insists on it where there is a
// password, or smtps:// for TLS from the start. From is the sender's address, with or without a name. An empty address
// gives nil, which is a Sender that is not On.
func NewSender(smtpURL, from string) (*Sender, error) {
	if smtpURL == "" {
		return nil, nil
	}
	u, err := url.Parse(smtpURL)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("SMTP_URL is not of the form smtp://user:password@host:port or smtps://…") // its text may hold a password
	}
	sender, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("MAIL_FROM is no mail address: %w", err)
	}
	_, domain, _ := strings.Cut(sender.Address, "@")
	options, err := optionsOf(u)
	return &Sender{host: u.Hostname(), from: from, domain: domain, options: options}, err
}

func optionsOf(u *url.URL) ([]gomail.Option, error) {
	password, secret := u.User.Password()
	options := []gomail.Option{gomail.WithTimeout(timeout)}
	port := 587
	switch {
	case u.Scheme == "smtps":
		port = 465
		options = append(options, gomail.WithSSL())
	case secret:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	}
	if u.Port() != "" {
		n, err := strconv.Atoi(u.Port())
		if err != nil {
			return nil, fmt.Errorf("port in SMTP_URL: %w", err)
		}
		port = n
	}
	if secret {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	return append(options, gomail.WithPort(port)), nil
}

// On reports whether mail is sent at all.
func (s *Sender) On() bool { return s != nil }

// errOff is a fault: whoever sends asks On first.
var errOff = errors.New("no mail server is configured (SMTP_URL)")

// Send hands a message to the server. When it returns nil the server has taken it. An error is worth another try unless
// Hopeless says otherwise.
func (s *Sender) Send(ctx context.Context, m Message) error {
	if !s.On() {
		return errOff
	}
	message, err := s.compose(m)
	if err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return fmt.Errorf("send a mail: %w", refusal(err))
	}
	return nil
}

// Ping reports whether the server answers and lets us in. Nothing is sent.
func (s *Sender) Ping(ctx context.Context) error {
	if !s.On() {
		return errOff
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	if err := client.Close(); err != nil {
		return fmt.Errorf("take leave of the mail server: %w", err)
	}
	return nil
}

func (s *Sender) client() (*gomail.Client, error) {
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return nil, fmt.Errorf("make a mail client: %w", err)
	}
	return client, nil
}

// Refused is the answer of a server that did not take a mail. It holds the server's codes and not its words, which name
// the recipient: what is written down about a mail names nobody.
type Refused struct {
	Step   string // of the conversation, such as "sending SMTP RCPT TO command"
	Code   int    // such as 550, 0 where the server said nothing
	Status string // such as 5.1.1, empty where the server gives none
	final  bool   // the same mail would be refused again
}

// Error gives the codes.
func (r *Refused) Error() string {
	if r.Code == 0 {
		return r.Step
	}
	return strings.TrimSpace(fmt.Sprintf("%s: the server answers %d %s", r.Step, r.Code, r.Status))
}

// refusal takes out of an error what the server said, if it is the server that said no. A refusal of the sender is for an
// operator to mend, and worth another try: only one of the recipient or the mail is for good.
func refusal(err error) error {
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		return err
	}
	ofMail := refused.Reason == gomail.ErrSMTPRcptTo || refused.Reason == gomail.ErrSMTPData || refused.Reason == gomail.ErrSMTPDataClose
	return &Refused{Step: refused.Reason.String(), Code: refused.ErrorCode(), Status: refused.EnhancedStatusCode(),
		final: ofMail && !refused.IsTemp() && refused.ErrorCode() >= 500}
}

func (s *Sender) compose(m Message) (*gomail.Msg, error) {
	message := gomail.NewMsg()
	if err := message.From(s.from); err != nil {
		return nil, fmt.Errorf("the sender's address: %w", err)
	}
	if !Plain(m.To) {
		return nil, errAddress
	}
	if err := message.To(m.To); err != nil {
		return nil, errAddress
	}
	message.Subject(oneLine(m.Subject))
	message.SetDate()
	if m.ID == "" {
		message.SetMessageID()
	} else {
		message.SetMessageIDWithValue(m.ID + "@" + s.domain)
	}
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	return message, nil
}

var errAddress = errors.New("the recipient's address is no plain mail address")

// Hopeless reports whether sending the same again would fail again: the server refuses the recipient or the message.
func Hopeless(err error) bool {
	if errors.Is(err, errAddress) {
		return true
	}
	var refused *Refused
	return errors.As(err, &refused) && refused.final
}

// maxAddress is what RFC 5321 allows of an address.
const maxAddress = 254

// Plain reports whether an address is one bare mail address, such as asha@example.org: no name before it, no second
// one, and nothing that could end a header line.
func Plain(address string) bool {
	parsed, err := netmail.ParseAddress(address)
	return err == nil && parsed.Address == address && parsed.Name == "" && len(address) <= maxAddress && !strings.ContainsFunc(address, unsafe)
}

func unsafe(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`<>"(),;:\`, c) }

// oneLine keeps a subject from starting a new header.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return c == '\r' || c == '\n' || c == 0 }), " ")
}
