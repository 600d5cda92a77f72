# For those who have a base image; `npm run images` makes the same images without one, and without Docker.
#   docker build --target operator -t edict-operator:dev .
#   docker build --target pdp -t edict-pdp:dev .
ARG BASE=debian:bookworm-slim

FROM node:26-bookworm-slim AS build
WORKDIR /src
COPY . .
RUN npm ci --no-audit --no-fund \
 && node_modules/.bin/node scripts/images.ts --bundles \
 && cp -L node_modules/.bin/node /usr/local/bin/pinned-node

FROM ${BASE} AS runtime
RUN apt-get update \
 && apt-get install -y --no-install-recommends libatomic1 libstdc++6 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/pinned-node /usr/bin/node
ENV NODE_ENV=production
USER 65532:65532
WORKDIR /app

FROM runtime AS operator
COPY --from=build /src/dist/bundles/operator /app
ENV MALLOC_MMAP_THRESHOLD_=32768 MALLOC_TOP_PAD_=16384 MALLOC_ARENA_MAX=1
EXPOSE 8080 9443 9444 9445
ENTRYPOINT ["/usr/bin/node", "--max-semi-space-size=4", "/app/main.js"]

FROM runtime AS pdp
COPY --from=build /src/dist/bundles/pdp /app
ENV MALLOC_MMAP_THRESHOLD_=32768 MALLOC_TOP_PAD_=16384 MALLOC_ARENA_MAX=1 NODE_COMPILE_CACHE=/app/code-cache NODE_COMPILE_CACHE_PORTABLE=1
EXPOSE 8181
ENTRYPOINT ["/usr/bin/node", "--max-semi-space-size=2", "--heap-growing-percent=20", "--no-parallel-scavenge", "--expose-gc", "--no-memory-pool-share-memory-on-teardown", "/app/main.js"]
