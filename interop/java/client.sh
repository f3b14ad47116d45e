# SPDX-License-Identifier: Apache-2.0
# The Java client of RabbitMQ, from Debian; any JDK from 17 on compiles the tests.

packages="default-jdk-headless librabbitmq-client-java libslf4j-java"

java_classes=/usr/share/java/amqp-client.jar:/usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-nop.jar

client_version() {
    dpkg-query -W -f '${Version}' librabbitmq-client-java
}

client_build() {
    mkdir -p "$work/java" &&
        javac -Xlint:all -cp "$java_classes" -d "$work/java" "$folder"/*.java
}

client_run() {
    java -XX:TieredStopAtLevel=1 -cp "$work/java:$java_classes" Main
}
