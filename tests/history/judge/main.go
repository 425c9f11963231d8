// Judges a history of operations on a few objects: is there an order of them, one at a time, that respects who came after whom and explains every
// answer? The history comes as JSON lines on standard input, one operation each; the verdict is the exit status.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

const objects = 4

// Object is what a client sees of one; revision 0 with a value: not known yet (whoever wrote it got no answer). No value: it isn't there.
type Object struct {
	Revision int64  `json:"revision"`
	Value    string `json:"value"`
}

// State is compared with ==.
type State struct {
	Objects [objects]Object
	Newest  int64 // revision that was told last
}

type Operation struct {
	Client int    `json:"client"`
	Call   int64  `json:"call"` // nanoseconds
	Return int64  `json:"return"`
	Kind   string `json:"kind"` // create, update, delete, get, list
	Object int    `json:"object"`
	// Of an update or a deletion; 0: whatever it is.
	Expected int64  `json:"expected"`
	Value    string `json:"value"`
	// done, exists, conflict, absent; late: done, but the answer was lost, so that nobody knows when; unknown: at any later time or never.
	Outcome  string          `json:"outcome"`
	Revision int64           `json:"revision"` // of what was written, of the list
	Seen     [objects]Object `json:"seen"`     // get: one of them; list: all
}

// see tells whether the object may be what was seen, and what is known of it then.
func see(now, seen Object) (bool, Object) {
	if now.Value != seen.Value {
		return false, now
	}
	if now.Value != "" && now.Revision == 0 {
		return true, seen
	}
	return now.Revision == seen.Revision, now
}

// write changes one object when its precondition holds; result is what a client has to be told.
func write(s State, op Operation) (string, State) {
	now := s.Objects[op.Object]
	switch {
	case op.Kind == "create" && now.Value != "":
		return "exists", s
	case op.Kind != "create" && now.Value == "":
		return "absent", s
	case op.Kind != "create" && op.Expected != 0 && op.Expected != now.Revision:
		return "conflict", s
	}
	if (op.Outcome == "done" || op.Outcome == "late") && op.Revision != 0 {
		if op.Revision <= s.Newest {
			return "too old", s
		}
		s.Newest = op.Revision
	}
	s.Objects[op.Object] = Object{}
	if op.Kind != "delete" {
		s.Objects[op.Object] = Object{op.Revision, op.Value}
	}
	return "done", s
}

func step(state, input, _ interface{}) (bool, interface{}) {
	s, op := state.(State), input.(Operation)
	switch op.Kind {
	case "get":
		ok, now := see(s.Objects[op.Object], op.Seen[op.Object])
		s.Objects[op.Object] = now
		return ok, s
	case "list":
		for i := range s.Objects {
			ok, now := see(s.Objects[i], op.Seen[i])
			if !ok {
				return false, s
			}
			s.Objects[i] = now
		}
		if op.Revision < s.Newest {
			return false, s
		}
		s.Newest = op.Revision
		return true, s
	}
	outcome, after := write(s, op)
	if op.Outcome == "unknown" {
		return outcome != "too old", after
	}
	return op.Outcome == outcome || op.Outcome == "late" && outcome == "done", after
}

func main() {
	var history []porcupine.Operation
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var op Operation
		if err := json.Unmarshal(lines.Bytes(), &op); err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		if op.Outcome == "unknown" || op.Outcome == "late" {
			op.Return = math.MaxInt64
			op.Client = 1000 + len(history) // whoever went on isn't the one that still waits
		}
		history = append(history, porcupine.Operation{ClientId: op.Client, Input: op, Call: op.Call, Return: op.Return})
	}
	model := porcupine.Model{Init: func() interface{} { return State{} }, Step: step,
		DescribeOperation: func(input, _ interface{}) string { return fmt.Sprintf("%+v", input) }}
	result, info := porcupine.CheckOperationsVerbose(model, history, 50*time.Second)
	fmt.Println(len(history), "operations:", result)
	if result != porcupine.Ok {
		if len(os.Args) > 1 {
			_ = porcupine.VisualizePath(model, info, os.Args[1])
		}
		os.Exit(1)
	}
}
