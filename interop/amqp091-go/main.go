// SPDX-License-Identifier: Apache-2.0

// All tests of amqp091-go against the broker named by AMQP_URL, reported in TAP.
package main

import (
	"fmt"
	"os"
	"time"
)

const testTime = 30 * time.Second

type test struct {
	name string
	run  func()
}

// Runs a test, which fails by panicking, in a goroutine that is given up when it takes too long.
func failureOf(t test) any {
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		t.run()
	}()
	select {
	case failure := <-done:
		return failure
	case <-time.After(testTime):
		return fmt.Sprintf("not done within %v", testTime)
	}
}

func main() {
	tests := append(patternTests, libraryTests...)
	status := 0
	fmt.Printf("1..%d\n", len(tests))
	for i, t := range tests {
		if failure := failureOf(t); failure != nil {
			fmt.Printf("not ok %d - %s # %v\n", i+1, t.name, failure)
			status = 1
		} else {
			fmt.Printf("ok %d - %s\n", i+1, t.name)
		}
	}
	os.Exit(status)
}
