# SPDX-License-Identifier: Apache-2.0

require_relative "support"

# What programs use bunny for beyond the patterns: recovery, errors, get, bindings, transactions.
module Library
  module_function

  def recovery
    options = { automatically_recover: true, network_recovery_interval: 0.1 }
    Support.with_connections(1, **options) do |connection|
      recovered = Thread::Queue.new
      channel = connection.create_channel
      exchange = channel.direct(Support.unique("recovery"), auto_delete: true)
      queue = channel.queue("", exclusive: true).bind(exchange, routing_key: "key")
      collector = Support::Collector.new(queue)
      exchange.publish("before", routing_key: "key")
      Support.check_equal(collector.texts(1), ["before"], "messages")
      connection.after_recovery_completed { recovered << true }
      Support.cut(connection)
      Support.take(recovered, "the recovery")
      exchange.publish("after", routing_key: "key")
      Support.check_equal(collector.texts(1), ["after"], "messages")
    end
  end

  def channel_errors
    Support.with_connections(2) do |connection, other|
      foreign = other.create_channel.queue("", exclusive: true).name
      exchange = other.create_channel.topic(Support.unique("topic"), auto_delete: true).name
      {
        Bunny::NotFound => ->(channel) { channel.queue("none", passive: true) },
        Bunny::AccessRefused => ->(channel) { channel.direct("amq.interop") },
        Bunny::PreconditionFailed => ->(channel) { channel.topic(exchange, durable: true) },
        Bunny::ResourceLocked => ->(channel) { channel.queue(foreign, passive: true) }
      }.each do |kind, operation|
        channel = connection.create_channel
        Support.raises(kind) { operation.call(channel) }
        Support.check(channel.closed?, "the channel is open after #{kind}")
      end
      Support.check(connection.open?, "a channel error closed the connection")
      connection.create_channel.exchange_delete(exchange)
    end
  end

  def asynchronous_errors
    Support.with_connections(1) do |connection|
      errors = Thread::Queue.new
      channel = connection.create_channel
      channel.on_error { |_, close| errors << [close.reply_code, close.reply_text] }
      channel.direct("amq.direct").publish("fine")
      channel.ack(7)
      code, text = Support.take(errors, "channel.close")
      Support.check_equal(code, 406, "reply code")
      Support.check(text.include?("unknown delivery tag 7"), text)
    end
  end

  def refused_logins
    wrong = Support::URL.sub(":guest@", ":wrong@")
    options = { automatically_recover: false, logger: Logger.new(IO::NULL) }
    Support.raises(Bunny::AuthenticationFailureError) { Bunny.new(wrong, **Support::TLS, **options).start }
    nowhere = Support::URL.sub(%r{/[^/]*\z}, "/none")
    Support.raises(Bunny::NotAllowedError) { Bunny.new(nowhere, **Support::TLS, **options).start }
  end

  def get_and_requeue
    Support.with_connections(1) do |connection|
      channel = connection.create_channel
      queue = channel.queue("", exclusive: true)
      Support.check_equal(queue.pop, [nil, nil, nil], "get from an empty queue")
      channel.confirm_select
      %w[one two three].each { |text| queue.publish(text) }
      channel.wait_for_confirms
      _, second = Array.new(2) { queue.pop(manual_ack: true).first }
      Support.check_equal(queue.message_count, 1, "messages left")
      channel.nack(second.delivery_tag, true, true)
      again = Array.new(3) { queue.pop }.map { |info, _, text| [text, info.redelivered?] }
      Support.check_equal(again, [["one", true], ["two", true], ["three", false]], "order")
    end
  end

  def recover_and_purge
    Support.with_connections(1) do |connection|
      channel = connection.create_channel
      queue = channel.queue("", exclusive: true)
      channel.confirm_select
      3.times { |number| queue.publish(number.to_s) }
      channel.wait_for_confirms
      queue.pop(manual_ack: true)
      channel.basic_recover(true)
      info, _, text = queue.pop(manual_ack: true)
      Support.check_equal([text, info.redelivered?], ["0", true], "recovered")
      channel.reject(info.delivery_tag)
      Support.check_equal(queue.message_count, 2, "messages")
      queue.purge
      Support.check_equal(queue.message_count, 0, "messages after purge")
    end
  end

  def exchange_bindings
    Support.with_connections(1) do |connection|
      channel = connection.create_channel
      rest = channel.fanout(Support.unique("rest"), auto_delete: true)
      arguments = { "alternate-exchange" => rest.name }
      source = channel.topic(Support.unique("source"), auto_delete: true, arguments: arguments)
      target = channel.fanout(Support.unique("target"), auto_delete: true)
      target.bind(source, routing_key: "a.#")
      bound = channel.queue("", exclusive: true).bind(target)
      others = channel.queue("", exclusive: true).bind(rest)
      at_bound, at_rest = [bound, others].map { |queue| Support::Collector.new(queue) }
      %w[a b a.b].each { |key| source.publish(key, routing_key: key) }
      Support.check_equal(at_bound.texts(2), %w[a a.b], "bound queue")
      Support.check_equal(at_rest.texts(1), %w[b], "queue at the alternate exchange")
      target.unbind(source, routing_key: "a.#")
    end
  end

  def headers
    Support.with_connections(1) do |connection|
      channel = connection.create_channel
      exchange = channel.headers(Support.unique("headers"), auto_delete: true)
      queue = channel.queue("", exclusive: true)
      queue.bind(exchange, arguments: { "x-match" => "all", "format" => "pdf" })
      collector = Support::Collector.new(queue)
      sent = {
        "format" => "pdf", "count" => 2**40, "real" => 0.5, "yes" => true, "nothing" => nil,
        "list" => [1, "two"], "table" => { "deep" => -1 }, "time" => Time.at(1_700_000_000)
      }
      exchange.publish("txt", headers: { "format" => "txt" })
      exchange.publish("pdf", headers: sent, priority: 3, message_id: "id", type: "type")
      _, properties, text = collector.next
      Support.check_equal(text, "pdf", "message")
      Support.check_equal(properties.headers, sent, "headers")
      got = [properties.priority, properties.message_id, properties.type]
      Support.check_equal(got, [3, "id", "type"], "properties")
    end
  end

  def consumer_cancelled
    Support.with_connections(1) do |connection|
      cancelled = Thread::Queue.new
      queue = connection.create_channel.queue(Support.unique("cancel"))
      consumer = Bunny::Consumer.new(queue.channel, queue)
      consumer.on_cancellation { |cancel| cancelled << cancel.consumer_tag }
      queue.subscribe_with(consumer)
      connection.create_channel.queue_delete(queue.name)
      Support.check_equal(Support.take(cancelled, "basic.cancel"), consumer.consumer_tag, "tag")
    end
  end

  def transactions
    Support.with_connections(1) do |connection|
      channel = connection.create_channel
      queue = channel.queue("", exclusive: true)
      channel.tx_select
      queue.publish("forgotten")
      channel.tx_rollback
      queue.publish("kept")
      Support.check_equal(queue.message_count, 0, "messages before commit")
      channel.tx_commit
      Support.check_equal(queue.pop.last, "kept", "message")
    end
  end

  def large_bodies
    Support.with_connections(1, frame_max: 4096) do |connection|
      Support.check_equal(connection.frame_max, 4096, "frame-max")
      queue = connection.create_channel.queue("", exclusive: true)
      collector = Support::Collector.new(queue)
      [0, 4088, 4089, 1 << 20].each do |size|
        body = ("position" * (size / 8 + 1))[0, size]
        queue.publish(body)
        Support.check(collector.next.last == body, "a body of #{size} octets changed")
      end
    end
  end

  def heartbeats
    Support.with_connections(1, heartbeat: 1) do |connection|
      Support.check_equal(connection.heartbeat, 1, "heartbeat")
      closed = Thread::Queue.new
      connection.create_channel.on_error { closed << true }
      # Three idle intervals: a connection that either side gives up would be closed by then.
      Timeout.timeout(3) { closed.pop }
      raise Support::Failure, "the connection is closed"
    rescue Timeout::Error
      queue = connection.create_channel.queue("", exclusive: true)
      queue.publish("alive")
      Support.check_equal(Support::Collector.new(queue).texts(1), ["alive"], "messages")
    end
  end

  TESTS = {
    "a cut connection recovers its queue, binding and consumer" => method(:recovery),
    "channel errors have their classes: 403, 404, 405 and 406" => method(:channel_errors),
    "an unknown delivery tag is an asynchronous 406" => method(:asynchronous_errors),
    "a wrong password and an unknown vhost are refused" => method(:refused_logins),
    "get and nack: requeued messages return to their places" => method(:get_and_requeue),
    "recover, reject and purge" => method(:recover_and_purge),
    "exchange-to-exchange and alternate exchange" => method(:exchange_bindings),
    "headers exchange; headers and properties come back unchanged" => method(:headers),
    "a deleted queue cancels its consumer" => method(:consumer_cancelled),
    "transactions: rollback and commit" => method(:transactions),
    "frame-max 4096: bodies up to 1 MiB" => method(:large_bodies),
    "heartbeats keep a connection open" => method(:heartbeats)
  }.to_a.freeze
end
