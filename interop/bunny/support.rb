# SPDX-License-Identifier: Apache-2.0

require "bunny"
require "logger"
require "timeout"

# Connections, consumers that collect, checks, and the report in TAP.
module Support
  WAIT_SECONDS = 15
  TEST_SECONDS = 30
  URL = ENV.fetch("AMQP_URL")
  TLS = URL.start_with?("amqps:") ? { tls_ca_certificates: [ENV.fetch("AMQP_CA")], verify_peer: true } : {}

  class Failure < StandardError; end

  # Bunny raises errors of a connection in the thread that made it, unless it has something to tell.
  class Unconcerned
    def raise(*); end
  end

  @last_number = 0

  module_function

  # A name that no other test and no other run uses.
  def unique(purpose)
    @last_number += 1
    "interop.#{purpose}.#{Process.pid}.#{Time.now.to_i}.#{@last_number}"
  end

  def check(condition, otherwise)
    raise Failure, otherwise unless condition
  end

  def check_equal(got, expected, what)
    check(got == expected, "#{what}: #{got.inspect} instead of #{expected.inspect}")
  end

  # The exception of this class that the block has to raise.
  def raises(kind)
    yield
  rescue kind => error
    error
  else
    raise Failure, "no #{kind} was raised"
  end

  # Takes the next item of a queue that other threads fill.
  def take(queue, what)
    late = "waited #{WAIT_SECONDS} s in vain for #{what}"
    Timeout.timeout(WAIT_SECONDS, Failure, late) { queue.pop }
  end

  def connect(**options)
    defaults = { automatically_recover: false, logger: Logger.new(IO::NULL) }
    Bunny.new(URL, **TLS, **defaults, **options).start
  end

  # Calls the block with that many connections and closes what it left open.
  def with_connections(count, **options)
    connections = Array.new(count) { connect(**options) }
    yield(*connections)
  ensure
    connections&.each { |connection| connection.close if connection.open? }
  end

  # The socket dies as a killed process's would: without connection.close.
  def cut(connection)
    socket = connection.transport.socket
    (socket.respond_to?(:io) ? socket.io : socket).shutdown # below TLS, as a network would
  end

  # A queue's deliveries as [delivery_info, properties, body].
  class Collector
    attr_reader :channel, :consumer

    def initialize(queue, prefetch: nil, **options)
      @channel = queue.channel
      @channel.prefetch(prefetch) if prefetch
      @deliveries = Thread::Queue.new
      @consumer = queue.subscribe(**options) { |*delivery| @deliveries << delivery }
    end

    def next
      Support.take(@deliveries, "a message")
    end

    def texts(count)
      Array.new(count) { self.next.last }
    end
  end

  def report(number, name, error)
    if error.nil?
      puts "ok #{number} - #{name}"
    else
      puts "not ok #{number} - #{name} # #{error.class}: #{error.message.lines.first.to_s.chomp}"
      warn error.full_message(highlight: false)
    end
  end

  # Runs {name => method} and ends the process.
  def run(tests)
    $stdout.sync = true
    puts "1..#{tests.size}"
    failures = tests.each_with_index.count do |(name, test), index|
      error = failure_of(test)
      report(index + 1, name, error)
      error
    end
    exit(failures.zero?)
  end

  def failure_of(test)
    Timeout.timeout(TEST_SECONDS) { test.call }
    nil
  rescue StandardError, Timeout::Error => error
    error
  end
end
