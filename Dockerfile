# The service alone; docker-compose.yml brings the broker. Two stages, so that pip, its cache and
# the sources stay out of the image.
FROM python:3.13.9-slim-bookworm AS build

WORKDIR /src
# heic and otel may be added: docker build --build-arg EXTRAS=fast,s3,postgres,heic .
ARG EXTRAS=fast,s3,postgres
RUN python -m venv /opt/image-service
COPY constraints.txt setup.cfg setup.py pyproject.toml README.md LICENSE ./
COPY image_service ./image_service
RUN /opt/image-service/bin/pip install --no-cache-dir --constraint constraints.txt ".[${EXTRAS}]"


FROM python:3.13.9-slim-bookworm

ENV PATH=/opt/image-service/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    IMAGE_SERVICE_HOST=0.0.0.0 \
    IMAGE_SERVICE_PORT=3001 \
    IMAGE_SERVICE_UPLOAD_DIR=/data/uploads

# A fixed number, so that whoever mounts a volume can give it to this user.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin image-service \
    && install -d -o image-service -g image-service /data /data/uploads
COPY --from=build /opt/image-service /opt/image-service
COPY config.yaml /etc/image-service/config.yaml

USER 10001:10001
# No VOLUME: below what is mounted at /data it would get a volume of its own, which goes with the
# container, and the originals with it. Mount one at /data, or at /data/uploads.
EXPOSE 3001

HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['IMAGE_SERVICE_PORT'] + '/readyz', timeout=4)"]

# Exec form: SIGTERM reaches the service, which then finishes what it is working on.
ENTRYPOINT ["image-service"]
CMD ["serve", "--config", "/etc/image-service/config.yaml"]
