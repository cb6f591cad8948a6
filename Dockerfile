# Everything that a process of the Procfile needs; which one it becomes is said where it is started.
FROM node:20-slim AS scripts
WORKDIR /app/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci
COPY frontend/ ./
RUN npm run build

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .
COPY --from=scripts /app/frontend/build frontend/build
RUN SECRET_KEY=only-while-this-is-built python manage.py collectstatic --noinput \
    && useradd --system --home /app parley && chown -R parley var
USER parley
EXPOSE 8000
# A drain takes less than 25 s.
STOPSIGNAL SIGTERM
CMD ["sh", "-c", "exec python -m asgi_app.server"]
