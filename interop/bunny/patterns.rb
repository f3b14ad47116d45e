# SPDX-License-Identifier: Apache-2.0

require_relative "support"

# The six tutorial patterns.
module Patterns
  module_function

  def work_queue
    doomed = Support.connect(session_error_handler: Support::Unconcerned.new)
    Support.with_connections(2) do |producing, working|
      channel = producing.create_channel
      queue = channel.queue(Support.unique("work"), durable: true)
      first, second = [doomed, working].map do |connection|
        mine = connection.create_channel.queue(queue.name, durable: true)
        Support::Collector.new(mine, prefetch: 1, manual_ack: true)
      end
      channel.confirm_select
      (1..6).each { |number| queue.publish("task #{number}", persistent: true) }
      Support.check(channel.wait_for_confirms, "a nack came")
      Support.check_equal(first.texts(1), ["task 1"], "first worker")
      info, properties, = second.next
      Support.check_equal(properties.delivery_mode, 2, "delivery-mode")
      Support.check_equal(queue.message_count, 4, "tasks held back")

      Support.cut(doomed)
      redelivered = []
      5.times do
        second.channel.ack(info.delivery_tag)
        info, _, text = second.next
        redelivered << text if info.redelivered?
      end
      second.channel.ack(info.delivery_tag)
      Support.check_equal(redelivered, ["task 1"], "redelivered tasks")
      second.channel.close
      Support.check_equal(queue.delete.message_count, 0, "tasks left")
    end
  end

  def publish_subscribe
    Support.with_connections(2) do |*connections|
      logs = Support.unique("logs")
      subscribers = connections.map do |connection|
        channel = connection.create_channel
        queue = channel.queue("", exclusive: true).bind(channel.fanout(logs, auto_delete: true))
        Support.check(queue.name.start_with?("amq.gen-"), "server chose #{queue.name}")
        Support::Collector.new(queue)
      end
      exchange = connections.first.create_channel.fanout(logs, auto_delete: true)
      %w[one two three].each { |text| exchange.publish(text) }
      subscribers.each do |subscriber|
        Support.check_equal(subscriber.texts(3), %w[one two three], "subscriber")
      end
    end
  end

  # Publishes each key as a message and returns what each of the bound queues got.
  def route(type, bindings, keys)
    Support.with_connections(1) do |connection|
      channel = connection.create_channel
      exchange = channel.exchange(Support.unique(type), type: type, auto_delete: true)
      queues = bindings.map do |binding_keys|
        queue = channel.queue("", exclusive: true)
        binding_keys.each { |key| queue.bind(exchange, routing_key: key) }
        queue
      end
      channel.confirm_select
      keys.each { |key| exchange.publish(key, routing_key: key) }
      channel.wait_for_confirms
      counts = queues.map(&:message_count)
      queues.zip(counts).map { |queue, count| Support::Collector.new(queue).texts(count) }
    end
  end

  def routing
    bindings = [%w[error], %w[info warning error]]
    got = route("direct", bindings, %w[info debug warning Error error])
    Support.check_equal(got, bindings, "queues")
  end

  def topics
    orange = %w[quick.orange.rabbit lazy.orange.elephant quick.orange.fox]
    lazy = %w[lazy.brown.fox lazy.pink.rabbit lazy.orange.new.rabbit lazy]
    nowhere = %w[quick.brown.fox orange quick.orange.new.rabbit]
    got = route("topic", [%w[*.orange.*], %w[*.*.rabbit lazy.#]], orange + nowhere + lazy)
    Support.check_equal(got, [orange, orange.first(2) + lazy], "queues")
  end

  # The server doubles two numbers and answers in reverse order.
  def call_remotely(direct:)
    Support.with_connections(2) do |serving, calling|
      server = serving.create_channel
      client = calling.create_channel
      queue = server.queue(Support.unique("rpc"), auto_delete: true)
      requests = Support::Collector.new(queue, manual_ack: true)
      replies, reply_to = reply_consumer(client, direct)
      %w[21 150].each do |number|
        client.default_exchange.publish(
          number, routing_key: queue.name, reply_to: reply_to, correlation_id: "double #{number}"
        )
      end
      [requests.next, requests.next].reverse_each do |info, asked, number|
        server.default_exchange.publish(
          (2 * Integer(number)).to_s,
          routing_key: asked.reply_to, correlation_id: asked.correlation_id
        )
        server.ack(info.delivery_tag)
      end
      got = Array.new(2) do
        _, properties, answer = replies.next
        [properties.correlation_id, answer]
      end
      Support.check_equal(got, [["double 150", "300"], ["double 21", "42"]], "answers")
    end
  end

  def reply_consumer(channel, direct)
    name = direct ? "amq.rabbitmq.reply-to" : ""
    queue = channel.queue(name, exclusive: !direct, no_declare: direct)
    [Support::Collector.new(queue), queue.name]
  end

  def confirms
    Support.with_connections(1) do |connection|
      channel = connection.create_channel
      queue = channel.queue(Support.unique("confirm"), durable: true)
      channel.confirm_select
      5.times do
        queue.publish("alone", persistent: true)
        Support.check(channel.wait_for_confirms, "a nack came")
      end
      200.times { queue.publish("batch", persistent: true) }
      Support.check(channel.wait_for_confirms, "a nack came")
      Support.check_equal(channel.unconfirmed_set.to_a, [], "unconfirmed")
      Support.check_equal(queue.delete.message_count, 205, "messages")
    end
  end

  def return_before_confirm
    Support.with_connections(1) do |connection|
      events = Thread::Queue.new
      channel = connection.create_channel
      nowhere = Support.unique("nowhere")
      channel.confirm_select(->(tag, _multiple, nack) { events << [nack ? "nack" : "ack", tag] })
      exchange = channel.default_exchange
      exchange.on_return { |info, _, body| events << [info.reply_code, info.reply_text, body] }
      exchange.publish("back", routing_key: nowhere, mandatory: true)
      Support.check_equal(Support.take(events, "return"), [312, "NO_ROUTE", "back"], "return")
      Support.check_equal(Support.take(events, "confirm"), ["ack", 1], "confirm")
    end
  end

  TESTS = {
    "work queue: prefetch 1, a dropped worker's task is redelivered" => method(:work_queue),
    "publish/subscribe: fanout to exclusive server-named queues" => method(:publish_subscribe),
    "routing: direct exchange, several keys" => method(:routing),
    "topics: * and #" => method(:topics),
    "RPC: reply queue and correlation-id, answers in another order" =>
      -> { call_remotely(direct: false) },
    "RPC: direct reply-to" => -> { call_remotely(direct: true) },
    "confirms: one at a time and 200 in flight" => method(:confirms),
    "confirms: mandatory message returns before its confirm" => method(:return_before_confirm)
  }.to_a.freeze
end
