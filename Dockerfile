# ovms-doctor in a container (docs/image.md). The base image needs Python 3.10 or newer with its venv module, and a shell.
ARG BASE=python:3.12-slim
FROM ${BASE} AS build
# light: without OpenVINO and the clients of stores and of gRPC. full: with everything.
ARG INSTALL=light
# As pip knows them; with PIP_NO_INDEX=1 and PIP_FIND_LINKS=wheelhouse, no package index is needed.
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
WORKDIR /source
COPY . .
RUN python3 -m venv /opt/ovms-doctor \
 && case "$INSTALL" in \
      light) /opt/ovms-doctor/bin/pip install --no-cache-dir -r ovms_doctor/requirements-light.txt \
          && /opt/ovms-doctor/bin/pip install --no-cache-dir --no-deps . ;; \
      full) /opt/ovms-doctor/bin/pip install --no-cache-dir . ;; \
      *) echo "INSTALL is '$INSTALL', not light or full" >&2; exit 1 ;; \
    esac \
 && /opt/ovms-doctor/bin/pip uninstall --yes --quiet pip

FROM ${BASE}
LABEL org.opencontainers.image.title="ovms-doctor" \
      org.opencontainers.image.description="Says what OpenVINO Model Server will do with a model repository, why, and what to do about it." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/ovms-doctor/ovms-doctor" \
      org.opencontainers.image.documentation="https://github.com/ovms-doctor/ovms-doctor/tree/main/docs"
COPY --from=build /opt/ovms-doctor /opt/ovms-doctor
ENV PATH=/opt/ovms-doctor/bin:$PATH PYTHONDONTWRITEBYTECODE=1
# The user of the server's own image: its rights are then tried and not computed.
USER 5000:5000
ENTRYPOINT ["ovms-doctor"]
CMD ["--help"]
