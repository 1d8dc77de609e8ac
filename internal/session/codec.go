package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// codec writes what a session holds as JSON, so that an operator can read it. It holds text and whole numbers (int64).
type codec struct{}

type content struct {
	Deadline time.Time      `json:"deadline"`
	Values   map[string]any `json:"values"`
}

// Encode writes a session's end and values.
func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	for name, value := range values {
		switch value.(type) {
		case string, int64:
		default:
			return nil, fmt.Errorf("a session cannot hold %s: it is a %T", name, value)
		}
	}
	return json.Marshal(content{Deadline: deadline, Values: values})
}

// Decode reads back what Encode wrote.
func (codec) Decode(raw []byte) (time.Time, map[string]any, error) {
	var c content
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&c); err != nil {
		return time.Time{}, nil, fmt.Errorf("read what a session holds: %w", err)
	}
	for name, value := range c.Values {
		number, ok := value.(json.Number)
		if !ok {
			continue
		}
		whole, err := number.Int64()
		if err != nil {
			return time.Time{}, nil, fmt.Errorf("read %s of a session: %w", name, err)
		}
		c.Values[name] = whole
	}
	return c.Deadline, c.Values, nil
}
