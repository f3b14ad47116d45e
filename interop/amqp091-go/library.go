// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"math"
	"os"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// What programs use amqp091-go for beyond the patterns.
var libraryTests = []test{
	{"NotifyClose of a channel: 403, 404, 405 and 406", channelErrors},
	{"NotifyClose of a connection: a reused consumer tag is 530", connectionErrors},
	{"NotifyClose of a dropped connection; a new one works", reconnect},
	{"a wrong password and an unknown vhost are refused", refusedLogins},
	{"NotifyCancel: a deleted queue cancels its consumer", consumerCancelled},
	{"Qos: global windows count for all consumers of the channel", globalQos},
	{"nack, reject and recover: messages return to their places", nackAndRecover},
	{"get, purge and conditional delete", getPurgeDelete},
	{"tx: commit and rollback", transactions},
	{"exchange-to-exchange and alternate exchange", exchanges},
	{"headers of all types and properties come back unchanged", headers},
	{"frame-max 4096 and as offered: bodies up to 1 MiB", largeBodies},
	{"heartbeats keep a connection open", heartbeats},
	{"channel-max is negotiated and channel numbers are reused", channelNumbers},
	{"connection.update-secret", updateSecret},
}

func channelErrors() {
	p, other := connect(), connect()
	defer p.close()
	defer other.close()
	foreign := other.exclusiveQueue()
	declare := func(name string, passive bool) func(*amqp.Channel) error {
		return func(channel *amqp.Channel) error {
			if passive {
				_, err := channel.QueueDeclarePassive(name, false, false, false, false, nil)
				return err
			}
			_, err := channel.QueueDeclare(name, false, false, false, false, nil)
			return err
		}
	}
	for _, failing := range []struct {
		code      int
		operation func(*amqp.Channel) error
	}{
		{404, declare("none", true)},
		{403, declare("amq.interop", false)},
		{405, declare(foreign, true)},
		{404, func(channel *amqp.Channel) error {
			return channel.ExchangeBind("none", "", "amq.direct", false, nil)
		}},
		{406, func(channel *amqp.Channel) error {
			return channel.ExchangeDeclare("amq.topic", "direct", true, false, false, false, nil)
		}},
	} {
		channel := value(p.connection.Channel())
		closed := channel.NotifyClose(make(chan *amqp.Error, 1))
		checkEqual(refused(failing.operation(channel)).Code, failing.code, "returned error")
		reason := next(closed, "NotifyClose")
		checkEqual(reason.Code, failing.code, "notified error")
		check(reason.Server && reason.Recover, "%v is not the broker's soft error", reason)
	}
	closed := p.NotifyClose(make(chan *amqp.Error, 1))
	p.publish("interop.none", "key", message("lost"))
	reason := next(closed, "NotifyClose")
	check(strings.Contains(reason.Reason, "no exchange 'interop.none' in vhost '/'"), reason.Reason)
}

func connectionErrors() {
	p := connect()
	closed := p.connection.NotifyClose(make(chan *amqp.Error, 1))
	queue := p.exclusiveQueue()
	for range []int{1, 2} {
		go p.Consume(queue, "twice", true, false, false, false, nil)
	}
	reason := next(closed, "NotifyClose")
	checkEqual(reason.Code, 530, "reply code")
	check(strings.Contains(reason.Reason, "attempt to reuse consumer tag 'twice'"), reason.Reason)
}

func reconnect() {
	p := connect()
	queue := p.queue(unique("reconnect"), true, false, false)
	must(p.Confirm(false))
	p.publishConfirmed("", queue, persistent("kept"))
	deliveries := p.consume(queue, false)
	expectTexts(deliveries, "kept")
	closed := p.connection.NotifyClose(make(chan *amqp.Error, 1))
	p.drop()
	check(next(closed, "NotifyClose") != nil, "no reason")

	p = connect()
	defer p.close()
	again := next(p.consume(queue, false), "the redelivered message")
	check(again.Redelivered, "not marked as redelivered")
	must(again.Ack(false))
	checkEqual(value(p.QueueDelete(queue, false, false, false)), 0, "messages left")
}

func refusedLogins() {
	uri := value(amqp.ParseURI(os.Getenv("AMQP_URL")))
	wrong := uri
	wrong.Password = "wrong"
	_, err := amqp.Dial(wrong.String())
	checkEqual(refused(err), amqp.ErrCredentials, "wrong password")
	nowhere := uri
	nowhere.Vhost = "none"
	_, err = amqp.Dial(nowhere.String())
	checkEqual(refused(err), amqp.ErrVhost, "unknown vhost")
}

func consumerCancelled() {
	p := connect()
	defer p.close()
	queue := p.queue(unique("cancel"), false, false, false)
	cancelled := p.NotifyCancel(make(chan string, 1))
	deliveries := value(p.Consume(queue, "tag", true, false, false, false, nil))
	value(value(p.connection.Channel()).QueueDelete(queue, false, false, false))
	checkEqual(next(cancelled, "basic.cancel"), "tag", "consumer tag")
	select {
	case _, open := <-deliveries:
		check(!open, "a delivery came")
	case <-time.After(waitTime):
		panic("the deliveries do not end")
	}
}

func globalQos() {
	p, producer := connect(), connect()
	defer p.close()
	defer producer.close()
	queue := p.exclusiveQueue()
	must(p.Qos(3, 0, true))
	first, second := p.consume(queue, false), p.consume(queue, false)
	inspecting := value(p.connection.Channel())
	must(producer.Confirm(false))
	for _, text := range words("1 2 3 4 5") {
		producer.publishConfirmed("", queue, message(text))
	}
	oldest := next(first, "the first message")
	expectTexts(second, "2")
	expectTexts(first, "3")
	checkEqual(value(inspecting.QueueInspect(queue)).Messages, 2, "messages held back")
	must(oldest.Ack(false))
	expectTexts(second, "4")
	checkEqual(value(inspecting.QueueInspect(queue)).Messages, 1, "messages held back")
}

func nackAndRecover() {
	p := connect()
	defer p.close()
	queue := p.exclusiveQueue()
	must(p.Confirm(false))
	for _, text := range words("one two three four") {
		p.publishConfirmed("", queue, message(text))
	}
	deliveries := p.consume(queue, false)
	got := []amqp.Delivery{}
	for len(got) < 4 {
		got = append(got, next(deliveries, "a message"))
	}
	must(got[2].Reject(false))
	must(got[1].Nack(true, true))
	expectTexts(deliveries, "one", "two")
	must(p.Recover(true))
	for _, text := range words("one two four") {
		again := next(deliveries, "a recovered message")
		checkEqual(string(again.Body), text, "recovered message")
		check(again.Redelivered, "not marked as redelivered")
		must(again.Ack(false))
	}
	checkEqual(value(p.QueueDelete(queue, false, false, false)), 0, "messages left")
}

func getPurgeDelete() {
	p := connect()
	defer p.close()
	queue := p.queue(unique("get"), false, false, false)
	_, some, err := p.Get(queue, true)
	check(err == nil && !some, "a message in a new queue, or %v", err)
	must(p.Confirm(false))
	for _, text := range words("one two three") {
		p.publishConfirmed("", queue, message(text))
	}
	got, some, err := p.Get(queue, true)
	check(err == nil && some, "no message, %v", err)
	checkEqual(string(got.Body), "one", "message")
	checkEqual(got.MessageCount, uint32(2), "messages left")
	other := value(p.connection.Channel())
	_, err = other.QueueDelete(queue, false, true, false)
	checkEqual(refused(err).Code, 406, "delete if empty")
	checkEqual(value(p.QueuePurge(queue, false)), 2, "purged")
	checkEqual(value(p.QueueDelete(queue, true, true, false)), 0, "messages left")
}

func transactions() {
	p := connect()
	defer p.close()
	queue := p.exclusiveQueue()
	must(p.Tx())
	p.publish("", queue, message("forgotten"))
	must(p.TxRollback())
	p.publish("", queue, message("kept"))
	checkEqual(p.ready(queue), 0, "messages before commit")
	must(p.TxCommit())
	got, some, err := p.Get(queue, false)
	check(err == nil && some, "no message, %v", err)
	checkEqual(string(got.Body), "kept", "message")
	must(got.Ack(false))
	must(p.TxCommit())
}

func exchanges() {
	p := connect()
	defer p.close()
	source, target, rest := unique("source"), unique("target"), unique("rest")
	p.exchange(rest, "fanout", nil)
	p.exchange(source, "topic", amqp.Table{"alternate-exchange": rest})
	p.exchange(target, "headers", nil)
	must(p.ExchangeBind(target, "a.#", source, false, nil))
	bound, others := p.exclusiveQueue(), p.exclusiveQueue()
	must(p.QueueBind(bound, "", target, false, amqp.Table{"x-match": "any", "k": int32(1)}))
	must(p.QueueBind(others, "", rest, false, nil))
	atBound, atRest := p.consume(bound, true), p.consume(others, true)
	for _, key := range words("a.b c a") {
		p.publish(source, key, amqp.Publishing{Body: []byte(key), Headers: amqp.Table{"k": int32(1)}})
	}
	expectTexts(atBound, "a.b", "a")
	expectTexts(atRest, "c")
	must(p.ExchangeUnbind(target, "a.#", source, false, nil))
}

func headers() {
	p := connect()
	defer p.close()
	queue := p.exclusiveQueue()
	deliveries := p.consume(queue, true)
	sent := amqp.Publishing{
		Headers: amqp.Table{
			"boolean": true, "byte": byte(255), "int8": int8(-1), "int16": int16(-2),
			"int32": int32(-3), "int64": int64(math.MinInt64), "float": float32(0.5),
			"double": -0.25, "text": "wörter", "octets": []byte{0, 255}, "nothing": nil,
			"decimal": amqp.Decimal{Scale: 2, Value: 125}, "time": time.Unix(1700000000, 0),
			"list": []any{int32(1), "two", nil}, "table": amqp.Table{"deep": amqp.Table{"er": true}},
		},
		ContentType: "a/b", ContentEncoding: "c", DeliveryMode: 1, Priority: 9,
		CorrelationId: "d", ReplyTo: "e", Expiration: "60000", MessageId: "f",
		Timestamp: time.Unix(1600000000, 0), Type: "g", UserId: "guest", AppId: "h",
	}
	p.publish("", queue, sent)
	got := next(deliveries, "the message")
	for name, expected := range sent.Headers {
		checkEqual(got.Headers[name], expected, name)
	}
	checkEqual(amqp.Publishing{
		Headers: sent.Headers, ContentType: got.ContentType, ContentEncoding: got.ContentEncoding,
		DeliveryMode: got.DeliveryMode, Priority: got.Priority, CorrelationId: got.CorrelationId,
		ReplyTo: got.ReplyTo, Expiration: got.Expiration, MessageId: got.MessageId,
		Timestamp: got.Timestamp, Type: got.Type, UserId: got.UserId, AppId: got.AppId,
	}, sent, "properties")
}

func largeBodies() {
	for _, requested := range []int{4096, 0} {
		p := connectWith(amqp.Config{FrameSize: requested})
		frameMax := p.connection.Config.FrameSize
		check(frameMax == requested || requested == 0 && frameMax == 131072, "frame-max %d", frameMax)
		queue := p.exclusiveQueue()
		deliveries := p.consume(queue, true)
		for _, size := range []int{0, frameMax - 8, frameMax - 7, 1 << 20} {
			body := bytes.Repeat([]byte("positional"), size/10+1)[:size]
			p.publish("", queue, amqp.Publishing{Body: body})
			got := next(deliveries, "a large message").Body
			check(bytes.Equal(got, body), "a body of %d octets changed", size)
		}
		p.close()
	}
}

func heartbeats() {
	p := connectWith(amqp.Config{Heartbeat: time.Second})
	defer p.close()
	checkEqual(p.connection.Config.Heartbeat, time.Second, "heartbeat")
	closed := p.connection.NotifyClose(make(chan *amqp.Error, 1))
	select {
	case reason := <-closed:
		panic(reason)
	case <-time.After(4 * time.Second): // the client gives up after three silent intervals
	}
	check(p.exclusiveQueue() != "", "no queue")
}

func channelNumbers() {
	p := connectWith(amqp.Config{ChannelMax: 3})
	defer p.close()
	checkEqual(p.connection.Config.ChannelMax, 3, "channel-max")
	second, third := value(p.connection.Channel()), value(p.connection.Channel())
	_, err := p.connection.Channel()
	checkEqual(err, amqp.ErrChannelMax, "fourth channel")
	must(second.Close())
	second = value(p.connection.Channel())
	for _, channel := range []*amqp.Channel{second, third} {
		value(channel.QueueDeclare("", false, false, true, false, nil))
	}
}

func updateSecret() {
	p := connect()
	defer p.close()
	must(p.connection.UpdateSecret("guest", "interop"))
	check(p.exclusiveQueue() != "", "no queue")
}
