// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const waitTime = 15 * time.Second

var lastNumber int

// A name that no other test and no other run uses.
func unique(purpose string) string {
	lastNumber++
	return fmt.Sprintf("interop.%s.%d.%d.%d", purpose, os.Getpid(), time.Now().UnixNano(), lastNumber)
}

func check(condition bool, format string, arguments ...any) {
	if !condition {
		panic(fmt.Sprintf(format, arguments...))
	}
}

func checkEqual(got, expected any, what string) {
	check(reflect.DeepEqual(got, expected), "%s: %v instead of %v", what, got, expected)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func value[T any](got T, err error) T {
	must(err)
	return got
}

// The error with which the broker refused something.
func refused(err error) *amqp.Error {
	check(err != nil, "nothing was refused")
	reason, ok := err.(*amqp.Error)
	check(ok, "%v is no AMQP error", err)
	return reason
}

// The next item of a channel, before the deadline.
func next[T any](arrivals <-chan T, what string) T {
	select {
	case item, open := <-arrivals:
		check(open, "closed while waiting for %s", what)
		return item
	case <-time.After(waitTime):
		panic(fmt.Sprintf("waited %v in vain for %s", waitTime, what))
	}
}

// A socket whose octets can be kept from the client for a while.
type gate struct {
	net.Conn
	sync.Mutex
}

func (g *gate) Read(octets []byte) (int, error) {
	count, err := g.Conn.Read(octets)
	g.Lock()
	defer g.Unlock()
	return count, err
}

// A connection with one channel.
type peer struct {
	*amqp.Channel
	connection *amqp.Connection
	socket     *gate
}

func connectWith(config amqp.Config) *peer {
	p := &peer{}
	config.Dial = func(network, address string) (net.Conn, error) {
		socket, err := amqp.DefaultDial(waitTime)(network, address)
		p.socket = &gate{Conn: socket}
		return p.socket, err
	}
	p.connection = value(amqp.DialConfig(os.Getenv("AMQP_URL"), config))
	p.Channel = value(p.connection.Channel())
	return p
}

func connect() *peer {
	return connectWith(amqp.Config{Heartbeat: 10 * time.Second})
}

func (p *peer) close() {
	if !p.connection.IsClosed() {
		must(p.connection.Close())
	}
}

// Drops the socket as a killed process does: without connection.close.
func (p *peer) drop() {
	must(p.socket.Close())
}

func (p *peer) queue(name string, durable, autoDelete, exclusive bool) string {
	return value(p.QueueDeclare(name, durable, autoDelete, exclusive, false, nil)).Name
}

func (p *peer) exclusiveQueue() string {
	return p.queue("", false, false, true)
}

func (p *peer) exchange(name, kind string, arguments amqp.Table) {
	must(p.ExchangeDeclare(name, kind, false, true, false, false, arguments))
}

func (p *peer) ready(queue string) int {
	return value(p.QueueDeclarePassive(queue, false, false, false, false, nil)).Messages
}

func (p *peer) consume(queue string, autoAck bool) <-chan amqp.Delivery {
	return value(p.Consume(queue, "", autoAck, false, false, false, nil))
}

func (p *peer) publish(exchange, key string, message amqp.Publishing) {
	limited, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	must(p.PublishWithContext(limited, exchange, key, false, false, message))
}

// Publishes with a deferred confirmation.  Version 1.5.0 notes a publish only after it has sent it,
// and loses a confirm that comes in between, as it may from a fast broker (rabbitmq/amqp091-go#182);
// so nothing is read until the publish is noted.
func (p *peer) publishDeferred(exchange, key string, message amqp.Publishing) *amqp.DeferredConfirmation {
	p.socket.Lock()
	defer p.socket.Unlock()
	return value(p.PublishWithDeferredConfirmWithContext(
		context.Background(), exchange, key, false, false, message))
}

// Publishes and waits for the confirm.
func (p *peer) publishConfirmed(exchange, key string, message amqp.Publishing) {
	check(p.publishDeferred(exchange, key, message).Wait(), "a nack came")
}

func message(text string) amqp.Publishing {
	return amqp.Publishing{Body: []byte(text)}
}

func persistent(text string) amqp.Publishing {
	return amqp.Publishing{Body: []byte(text), DeliveryMode: amqp.Persistent}
}

func expectTexts(deliveries <-chan amqp.Delivery, texts ...string) {
	for _, text := range texts {
		checkEqual(string(next(deliveries, "'"+text+"'").Body), text, "message")
	}
}

func words(text string) []string {
	return strings.Fields(text)
}
