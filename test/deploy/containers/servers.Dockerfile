# What the tried servers run on: the base image, with the programs that set-up keeps for tests as the build's context.
ARG NODE_IMAGE
FROM ${NODE_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/*
COPY temporal versitygw /usr/local/bin/
COPY kafka /opt/kafka/libs
COPY broker.sh /usr/local/bin/broker.sh
