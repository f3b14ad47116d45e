// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The six tutorial patterns.
var patternTests = []test{
	{"work queue: prefetch 1, a dropped worker's task is redelivered", workQueue},
	{"publish/subscribe: fanout to exclusive server-named queues", publishSubscribe},
	{"routing: direct exchange, several keys", routing},
	{"topics: * and #", topics},
	{"RPC: reply queue and correlation-id, answers in another order", func() { callRemotely(false) }},
	{"RPC: direct reply-to", func() { callRemotely(true) }},
	{"confirms: deferred confirmations, one at a time and 200 in flight", deferredConfirms},
	{"confirms: NotifyPublish counts every message", notifiedConfirms},
	{"confirms: mandatory message returns before its confirm", returnBeforeConfirm},
}

func worker(queue string) (*peer, <-chan amqp.Delivery) {
	p := connect()
	must(p.Qos(1, 0, false))
	return p, p.consume(queue, false)
}

func workQueue() {
	producer := connect()
	defer producer.close()
	queue := producer.queue(unique("work"), true, false, false)
	doomed, first := worker(queue)
	second, tasks := worker(queue)
	defer second.close()
	must(producer.Confirm(false))
	for number := 1; number <= 6; number++ {
		producer.publishConfirmed("", queue, persistent(fmt.Sprintf("task %d", number)))
	}
	expectTexts(first, "task 1")
	current := next(tasks, "a task")
	checkEqual(producer.ready(queue), 4, "tasks held back")

	doomed.drop()
	redelivered := []string{}
	for left := 5; left > 0; left-- {
		must(current.Ack(false))
		current = next(tasks, "a task")
		checkEqual(current.DeliveryMode, amqp.Persistent, "delivery-mode")
		if current.Redelivered {
			redelivered = append(redelivered, string(current.Body))
		}
	}
	must(current.Ack(false))
	checkEqual(redelivered, []string{"task 1"}, "redelivered tasks")
	must(second.Close())
	checkEqual(value(producer.QueueDelete(queue, false, false, false)), 0, "tasks left")
}

func publishSubscribe() {
	logs := unique("logs")
	subscribers := []<-chan amqp.Delivery{}
	for range []int{1, 2} {
		p := connect()
		defer p.close()
		p.exchange(logs, "fanout", nil)
		queue := p.exclusiveQueue()
		check(strings.HasPrefix(queue, "amq.gen-"), "server chose %s", queue)
		must(p.QueueBind(queue, "", logs, false, nil))
		subscribers = append(subscribers, p.consume(queue, true))
	}
	producer := connect()
	defer producer.close()
	for _, text := range words("one two three") {
		producer.publish(logs, "", message(text))
	}
	for _, subscriber := range subscribers {
		expectTexts(subscriber, words("one two three")...)
	}
}

// Publishes each key as a message; the queues have to get what is expected of them, no more.
func route(kind string, bindings []string, keys string, expected []string) {
	p := connect()
	defer p.close()
	exchange := unique(kind)
	p.exchange(exchange, kind, nil)
	queues := []string{}
	for _, bindingKeys := range bindings {
		queue := p.exclusiveQueue()
		for _, key := range words(bindingKeys) {
			must(p.QueueBind(queue, key, exchange, false, nil))
		}
		queues = append(queues, queue)
	}
	must(p.Confirm(false))
	for _, key := range words(keys) {
		p.publishConfirmed(exchange, key, message(key))
	}
	for i, queue := range queues {
		checkEqual(p.ready(queue), len(words(expected[i])), "messages")
		expectTexts(p.consume(queue, true), words(expected[i])...)
	}
}

func routing() {
	bindings := []string{"error", "info warning error"}
	route("direct", bindings, "info debug warning Error error", bindings)
}

func topics() {
	orange := "quick.orange.rabbit lazy.orange.elephant "
	lazy := "lazy.brown.fox lazy.pink.rabbit lazy.orange.new.rabbit lazy "
	nowhere := "quick.brown.fox orange quick.orange.new.rabbit "
	route("topic", []string{"*.orange.*", "*.*.rabbit lazy.#"},
		orange+nowhere+lazy+"quick.orange.fox",
		[]string{orange + "quick.orange.fox", orange + lazy})
}

// The server doubles two numbers and answers in reverse order.
func callRemotely(direct bool) {
	server, client := connect(), connect()
	defer server.close()
	defer client.close()
	queue := server.queue(unique("rpc"), false, true, false)
	requests := server.consume(queue, false)
	replyTo := "amq.rabbitmq.reply-to"
	if !direct {
		replyTo = client.exclusiveQueue()
	}
	replies := client.consume(replyTo, true)
	for _, number := range words("21 150") {
		client.publish("", queue, amqp.Publishing{
			Body: []byte(number), ReplyTo: replyTo, CorrelationId: "double " + number})
	}
	first, second := next(requests, "a request"), next(requests, "a request")
	for _, request := range []amqp.Delivery{second, first} {
		number := value(strconv.Atoi(string(request.Body)))
		server.publish("", request.ReplyTo, amqp.Publishing{
			Body: []byte(strconv.Itoa(2 * number)), CorrelationId: request.CorrelationId})
		must(request.Ack(false))
	}
	for _, expected := range []string{"double 150: 300", "double 21: 42"} {
		reply := next(replies, "an answer")
		checkEqual(reply.CorrelationId+": "+string(reply.Body), expected, "answer")
	}
}

func deferredConfirms() {
	p := connect()
	defer p.close()
	queue := p.queue(unique("deferred"), true, false, false)
	must(p.Confirm(false))
	for number := 0; number < 5; number++ {
		p.publishConfirmed("", queue, persistent("alone"))
	}
	confirms := []*amqp.DeferredConfirmation{}
	for number := 0; number < 200; number++ {
		confirms = append(confirms, p.publishDeferred("", queue, persistent("batch")))
	}
	for i, confirm := range confirms {
		check(confirm.Wait(), "a nack came")
		checkEqual(confirm.DeliveryTag, uint64(6+i), "publish sequence number")
	}
	checkEqual(value(p.QueueDelete(queue, false, false, false)), 205, "messages")
}

func notifiedConfirms() {
	const count = 100
	p := connect()
	defer p.close()
	queue := p.exclusiveQueue()
	confirms := p.NotifyPublish(make(chan amqp.Confirmation, count))
	must(p.Confirm(false))
	for number := 0; number < count; number++ {
		p.publish("", queue, message("m"))
	}
	// The client sorts confirms and takes "multiple" apart.
	for number := uint64(1); number <= count; number++ {
		confirm := next(confirms, "a confirm")
		checkEqual(confirm, amqp.Confirmation{DeliveryTag: number, Ack: true}, "confirm")
	}
	checkEqual(p.ready(queue), count, "messages")
}

// Both notifications go to channels without room, so that their order shows.
func returnBeforeConfirm() {
	p := connect()
	defer p.close()
	returns := p.NotifyReturn(make(chan amqp.Return))
	confirms := p.NotifyPublish(make(chan amqp.Confirmation))
	nowhere := unique("nowhere")
	must(p.Confirm(false))
	must(p.PublishWithContext(context.Background(), "", nowhere, true, false, message("back")))
	select {
	case returned := <-returns:
		got := fmt.Sprint(returned.ReplyCode, returned.ReplyText, returned.RoutingKey)
		checkEqual(got, fmt.Sprint(312, "NO_ROUTE", nowhere), "return")
		checkEqual(string(returned.Body), "back", "body")
	case <-confirms:
		panic("the confirm came before the return")
	}
	check(next(confirms, "the confirm").Ack, "a nack came")
}
