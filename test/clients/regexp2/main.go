// Answers for the pattern engine's test what Go's regexp2 says in its RE2 mode: JSON lines of {pattern, subject} in,
// JSON lines of {ok, match, whole} out, in the same order.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dlclark/regexp2"
)

// A match that takes longer counts as no answer; regexp2 has patterns on which it never ends.
const matchTimeout = 2 * time.Second

type question struct {
	Pattern string `json:"pattern"`
	Subject string `json:"subject"`
}

// Outcome is "answer", "no pattern" or "no answer" (a time-out or a panic of regexp2).
type answer struct {
	Outcome string `json:"outcome"`
	Match   bool   `json:"match"`
	Whole   bool   `json:"whole"`
}

func compile(pattern string) (re *regexp2.Regexp, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("regexp2 panicked: %v", cause)
		}
	}()
	re, err = regexp2.Compile(pattern, regexp2.RE2)
	if err == nil {
		re.MatchTimeout = matchTimeout
	}
	return re, err
}

func match(re *regexp2.Regexp, subject string) (found bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("regexp2 panicked: %v", cause)
		}
	}()
	return re.MatchString(subject)
}

// The whole subject. A comment of (?x) at the end of the pattern would take the bracket with it: then a line feed ends it.
func compileWhole(pattern string) (*regexp2.Regexp, error) {
	re, err := compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		re, err = compile(`\A(?:` + pattern + "\n" + `)\z`)
	}
	return re, err
}

func answerTo(q question) answer {
	anywhere, err := compile(q.Pattern)
	if err != nil {
		return answer{Outcome: "no pattern"}
	}
	whole, err := compileWhole(q.Pattern)
	if err != nil {
		return answer{Outcome: "no pattern"}
	}
	found, err := match(anywhere, q.Subject)
	if err != nil {
		return answer{Outcome: "no answer"}
	}
	taken, err := match(whole, q.Subject)
	if err != nil {
		return answer{Outcome: "no answer"}
	}
	return answer{Outcome: "answer", Match: found, Whole: taken}
}

func main() {
	questions := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := bufio.NewWriter(os.Stdout)
	answers := json.NewEncoder(out)
	for {
		var q question
		if err := questions.Decode(&q); err == io.EOF {
			break
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := answers.Encode(answerTo(q)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
