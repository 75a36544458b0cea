// Package telemetry takes W3C trace context over, and exports spans where a collector is named.
package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// Start sets the process's tracer and propagator. Without an endpoint, spans give logs their ids and are dropped. stop sends what is left.
func Start(ctx context.Context, service, version, endpoint string) (stop func(context.Context) error, err error) {
	// Named plainly: the conventions' package has a path of its own for each of its versions.
	named := resource.NewSchemaless(attribute.String("service.name", service), attribute.String("service.version", version))
	options := []trace.TracerProviderOption{trace.WithResource(named)}
	if endpoint != "" {
		exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"))
		if err != nil {
			return nil, fmt.Errorf("spans cannot be sent to %s: %w", endpoint, err)
		}
		options = append(options, trace.WithBatcher(exporter))
	}
	provider := trace.NewTracerProvider(options...)
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return provider.Shutdown, nil
}
