# The service: `baton serve` on port 8080, as docs/deploying.md describes it.
#
#   docker build -t baton .
#   docker run -p 8080:8080 -e BATON_DATABASE_URL=postgresql://… baton
#   docker run -p 8080:8080 -e BATON_LOCAL=1 baton      # embedded PostgreSQL, lost with the container

# Pin the digest of the base you have looked at: --build-arg PYTHON=python:3.11-slim-bookworm@sha256:…
ARG PYTHON=python:3.11-slim-bookworm

# hadolint ignore=DL3006
FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY deploy/requirements-build.lock deploy/requirements.lock deploy/
RUN python -m venv /opt/build \
    && python -m venv /opt/baton \
    && /opt/build/bin/pip install --require-hashes -r deploy/requirements-build.lock \
    && /opt/baton/bin/pip install --require-hashes --only-binary :all: -r deploy/requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY handoff handoff
COPY skills skills
COPY agents agents
COPY orchestrator orchestrator
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --wheel-dir dist . \
    && /opt/baton/bin/pip install --no-deps dist/*.whl \
    && /opt/baton/bin/pip uninstall -y pip

# hadolint ignore=DL3006
FROM ${PYTHON}
# bubblewrap isolates checks where the platform allows user namespaces; tini is the first process and reaps.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --create-home --home-dir /var/lib/baton --shell /usr/sbin/nologin baton
COPY --from=build /opt/baton /opt/baton
ENV PATH=/opt/baton/bin:$PATH \
    BATON_HOME=/var/lib/baton \
    PYTHONUNBUFFERED=1 \
    PORT=8080
USER 10001:10001
WORKDIR /var/lib/baton
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
ENTRYPOINT ["tini", "--", "baton"]
CMD ["serve"]
